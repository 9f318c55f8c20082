import { HoldfastError } from '../../../protocol/error-codes.ts';
import { ReplyError } from './replies.ts';

/** What each script may call; a user of Redis with fewer rights is refused at start. */
export const rightsNeeded =
  '+info +evalsha +script|load +hget +hmget +hset +hsetnx +set +getrange +append +pexpire +pttl +unlink +xadd +xrange +xrevrange +xtrim +publish +subscribe +unsubscribe +select';

/** And on a cluster; Redis 6.2 does not know the last three, nor need them. */
const rightsOnCluster = '+cluster|slots +spublish +ssubscribe +sunsubscribe';

/** Replies after which the same may well succeed: elsewhere, or a moment later. */
const passing =
  /\b(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|LOADING|READONLY|MASTERDOWN|NOSCRIPT|BUSY|MISCONF|NOREPLICAS)\b/;

/** Whether Redis answered, and would answer the same again. Anything else is worth another try. */
export function isRefusal(error: unknown): boolean {
  return error instanceof HoldfastError || (error instanceof ReplyError && !passing.test(error.message));
}

export function has(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof ReplyError && codes.some((code) => error.message.includes(code));
}

/** An append or a read that can't be done now. */
export function unavailable(cause: unknown): HoldfastError {
  if (cause instanceof HoldfastError) return cause;
  // A script that begins without memory to write does nothing; a repeat is recognized before that.
  const code = has(cause, 'OOM') ? 'log-full' : 'log-unavailable';
  return new HoldfastError(code, `Redis can’t be used: ${explain(cause)}`);
}

/** What is wrong, and what to do, in a sentence or two; Redis' own words never hold a secret. */
export function explain(cause: unknown): string {
  const { message, code } = cause as { message?: string; code?: string };
  const said = message ?? String(cause);
  for (const [pattern, advice] of advices) {
    if (pattern.test(`${code ?? ''} ${said}`)) return `${short(said)}. ${advice}`;
  }
  return `${short(said)}.`;
}

const advices: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'Nothing listens there: start Redis, or correct the address.'],
  [/ENOTFOUND|EAI_AGAIN/, 'The host’s name is not known: correct the address.'],
  [
    /EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|imeout/,
    'Look at the address, the firewall and the server, and use rediss:// only for a port with TLS.',
  ],
  [/WRONGPASS|invalid password/i, 'The user or password is wrong: correct them in redisLog().'],
  [
    /unknown command.*SENTINEL/i,
    'No Sentinel listens there: name Sentinels in `url`, or leave out `sentinel`.',
  ],
  [/watches no primary/, 'Correct `sentinel`, which must be the name in its `sentinel monitor`.'],
  [/NOAUTH/, 'This Redis wants a password: give redisLog() one.'],
  [/without any password/, 'This Redis has no password: leave it out of redisLog().'],
  [
    /NOPERM|permission|can't run this command/,
    `The Redis user lacks a right; it needs: ${rightsNeeded}; and on a cluster ${rightsOnCluster}.`,
  ],
  [
    /WRONGTYPE/,
    'A key under the log’s prefix is not the log’s: give redisLog() a `prefix` that nobody else uses.',
  ],
  [/OOM/, 'Redis is full: raise its maxmemory, or lower the retention of topics.'],
  [
    /MISCONF/,
    'Redis can’t write its snapshot, and so takes no writes: look at its log and the space on its disk.',
  ],
  [/NOREPLICAS/, 'Its min-replicas-to-write wants more replicas than it has at this moment.'],
  [/READONLY/, 'This is a replica: give redisLog() the primary’s address, or those of all members.'],
  [/LOADING/, 'Redis is still reading its data; wait.'],
  [
    /SSL|TLS|certificate|self.signed/i,
    'Use redis:// for a port without TLS, rediss:// for one with it, and the option `tls` for its certificates.',
  ],
  [
    /protocol/i,
    'What listens there does not speak as Redis does: correct the address, or use rediss:// for TLS.',
  ],
  [/closed unexpectedly|ECONNRESET|EPIPE/i, 'The server hung up; does it want TLS (rediss://)?'],
  [/max number of clients/, 'Raise maxclients of Redis.'],
];

function short(text: string): string {
  return (
    text
      // Where in a script it happened: before Redis 7 that comes first, since then last.
      .replace(/^ERR Error running script .*@user_script: ?\d+: -?/, '')
      .replace(/\s*script: \w+, on @user_script:\d+\.?/, '')
      .replace(/\.\s*$/, '')
      .slice(0, 300)
  );
}
