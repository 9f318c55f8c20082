import { JetStreamApiError, JetStreamError } from '@nats-io/jetstream';
import { errors } from '@nats-io/transport-node';
import { HoldfastError } from '../../../protocol/error-codes.ts';

/** JetStream's own numbers for what went wrong, of which it has some two hundred (server/errors.json of NATS). */
export const apiCodes = {
  messageNotFound: 10_037,
  consumerNotFound: 10_014,
  streamNotFound: 10_059,
  subjectsOverlap: 10_065,
  wrongLastSequence: 10_071,
  noCluster: 10_074,
  noPeers: 10_005,
  storeFailed: 10_077,
  messageTooLarge: 10_054,
  outOfResources: 10_023,
  outOfStorage: 10_047,
} as const;

/** With these the same would be answered again, though JetStream files some of them under "unavailable". */
const lastingCodes: ReadonlySet<number> = new Set([
  apiCodes.storeFailed,
  apiCodes.messageTooLarge,
  apiCodes.outOfResources,
  apiCodes.outOfStorage,
]);

export function hasCode(error: unknown, ...codes: readonly number[]): boolean {
  return error instanceof JetStreamApiError && codes.includes(error.code);
}

/** A user of NATS with fewer is refused at start. */
const rightsNeeded =
  'to publish PREFIX.> and $JS.API.>, to subscribe PREFIX.>, _INBOX.> and $JS.EVENT.ADVISORY.STREAM.>';

/** Whether NATS answered, and would answer the same again. Anything else is worth another try. */
export function isRefusal(error: unknown): boolean {
  if (error instanceof HoldfastError) return error.code !== 'log-unavailable';
  if (error instanceof JetStreamApiError) {
    return lastingCodes.has(error.code) || (error.status < 500 && error.code !== apiCodes.streamNotFound);
  }
  return (
    violationIn(error) !== undefined ||
    error instanceof errors.InvalidArgumentError ||
    error instanceof errors.InvalidSubjectError
  );
}

/** Nobody was there to take a message for the stream, or a request to JetStream. Its class is not exported. */
export function hadNoTaker(error: unknown): boolean {
  return error instanceof Error && error.name === 'JetStreamNotEnabled';
}

/** JetStream says that it has not stored something. */
function hadNoRoom(error: unknown): boolean {
  return hasCode(error, apiCodes.storeFailed, apiCodes.outOfResources, apiCodes.outOfStorage);
}

/** The log can't do what was asked now. */
export function unavailable(cause: unknown): HoldfastError {
  if (cause instanceof HoldfastError) return cause;
  const code = hadNoRoom(cause) ? 'log-full' : 'log-unavailable';
  return new HoldfastError(code, `NATS can’t be used: ${explain(cause)}`);
}

/** What is wrong, and what to do, in a sentence or two; what NATS says never holds a secret. */
export function explain(cause: unknown): string {
  const violation = violationIn(cause);
  if (violation) {
    return `Its user may not ${violation.operation} "${violation.subject}". Grant what natsLog() needs, with its prefix for PREFIX: ${rightsNeeded}.`;
  }
  if (hadNoRoom(cause)) {
    return `${said(cause)}. Give the stream or the JetStream account more room, or keep less in the topics.`;
  }
  for (const [pattern, advice] of advices) {
    if (pattern.test(`${(cause as { code?: unknown })?.code} ${said(cause)}`))
      return `${said(cause)}. ${advice}`;
  }
  return `${said(cause)}.`;
}

const advices: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED|connection refused/i, 'Nothing listens there: start nats-server, or correct the address.'],
  [/ENOTFOUND|EAI_AGAIN/, 'The host’s name is not known: correct the address.'],
  [/authorization violation/i, 'User, password or token is wrong or missing: correct them in natsLog().'],
  [/authentication expired|user authentication/i, 'The credentials have expired: renew them.'],
  [
    /jetstream (is )?not enabled/i,
    'Start nats-server with -js, and enable JetStream for the account of this user.',
  ],
  [/max_payload/, 'Raise max_payload of nats-server, or keep messages below it.'],
  [
    /tls|ssl|certificate|self.signed/i,
    'Use tls:// for a server that wants TLS, and the option `tls` for its certificates.',
  ],
  [
    /timeout|timed out|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/i,
    'Look at the address, the firewall and the server.',
  ],
  [/protocol|parse|unexpected/i, 'What listens there does not speak as NATS does: correct the address.'],
];

function violationIn(cause: unknown): { operation: string; subject: string } | undefined {
  for (let error = cause; error instanceof Error; error = error.cause) {
    if (error instanceof errors.PermissionViolationError) return error;
  }
  return undefined;
}

function said(cause: unknown): string {
  const text = cause instanceof Error ? cause.message || cause.name : String(cause);
  const from = cause instanceof JetStreamError || cause instanceof JetStreamApiError ? 'JetStream: ' : '';
  return `${from}${text}`.replace(/\.\s*$/, '').slice(0, 300);
}
