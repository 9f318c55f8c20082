import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Address, ResolvedRedisOptions } from './options.ts';
import { ProtocolError, type Reply, ReplyError, ReplyReader } from './replies.ts';

export type Argument = string | Uint8Array;

/** SUBSCRIBE and the like, as Redis names them in what it says of them. */
export type Verb = 'subscribe' | 'ssubscribe' | 'unsubscribe' | 'sunsubscribe';

/** What comes on a connection without having been asked for at that moment. */
export interface Hearing {
  message(channel: string, message: Buffer): void;
  /** Redis has ended a subscription by itself. */
  ended(channel: string): void;
}

interface Waiting {
  resolve(reply: never): void;
  reject(error: unknown): void;
  /** Redis answers with each of the channels. */
  listening?: { verb: Verb; channels: Set<string> };
}

const KEEP_ALIVE_MS = 5_000;
const END_TIMEOUT_MS = 1_000;
/** Answered ones that stay in the list, so that it is not moved for each. */
const ANSWERED_MAX = 1_024;

/**
 * One connection to Redis, from its beginning to its loss. It speaks RESP2 itself, because each message waits for
 * what is done here: a command that finds the connection idle is sent at once, and those that come while others are
 * under way are sent in one piece at the end of the turn.
 */
export class Client {
  /** Why it is of no more use; undefined while it is. */
  cause: unknown;
  /** Called once, at its end. */
  lost: (cause: unknown) => void = () => {};
  private readonly socket: Socket;
  private readonly reader = new ReplyReader((reply) => this.take(reply));
  /** From `answered` on. */
  private waiting: Waiting[] = [];
  private answered = 0;
  private unsent = '';
  private hearing: Hearing | undefined;

  constructor({ host, port }: Address, { tls }: ResolvedRedisOptions) {
    const name = isIP(host) === 0 ? { servername: host } : {};
    this.socket = tls ? connectTls({ ...name, ...tls, host, port }) : connectTcp({ host, port });
    this.socket
      .setNoDelay(true)
      .setKeepAlive(true, KEEP_ALIVE_MS)
      .on('data', (chunk) => this.read(chunk))
      .on('error', (error) => this.destroy(error))
      .on('close', () => this.destroy(new Error('The connection closed unexpectedly')));
  }

  /** Rejects with a ReplyError when Redis refuses, and with anything else when nobody knows whether it was done. */
  send<T extends Reply>(args: readonly Argument[]): Promise<T> {
    return new Promise<T>((resolve, reject) => this.enter(args, { resolve, reject }));
  }

  /** From now on commands are `listen` only. */
  hear(hearing: Hearing): void {
    this.hearing = hearing;
  }

  listen(verb: Verb, channels: readonly string[]): Promise<void> {
    const listening = { verb, channels: new Set(channels) };
    return new Promise((resolve, reject) =>
      this.enter([verb, ...listening.channels], { resolve, reject, listening }),
    );
  }

  destroy(cause: unknown): void {
    if (this.cause !== undefined) return;
    this.socket.destroy();
    this.fail(cause);
  }

  /** Hangs up behind what was sent in this turn, a node's goodbye perhaps; nobody waits for the answers. */
  end(cause: unknown): void {
    if (this.cause !== undefined) return;
    this.flush();
    this.fail(cause);
    // A Redis that stands still takes nothing, and must not hold the process.
    this.socket.unref().destroySoon();
    setTimeout(() => this.socket.destroy(), END_TIMEOUT_MS).unref();
  }

  private fail(cause: unknown): void {
    this.cause = cause;
    for (const { reject } of this.waiting.slice(this.answered)) reject(cause);
    this.waiting = [];
    this.answered = 0;
    this.lost(cause);
  }

  private enter(args: readonly Argument[], waiting: Waiting): void {
    if (this.cause !== undefined) return waiting.reject(this.cause);
    if (this.unsent === '') {
      // Even then, others that were woken by the same event speak first.
      if (this.waiting.length === this.answered) queueMicrotask(this.flush);
      else setImmediate(this.flush);
    }
    this.unsent += encode(args);
    this.waiting.push(waiting);
  }

  private readonly flush = (): void => {
    if (this.cause === undefined) this.socket.write(this.unsent, 'latin1');
    this.unsent = '';
  };

  private read(chunk: Buffer): void {
    try {
      this.reader.read(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.destroy(error);
    }
  }

  private take(reply: Reply): void {
    if (this.cause !== undefined) return;
    if (this.hearing && Array.isArray(reply)) return this.takeHeard(reply as Buffer[], this.hearing);
    const waiting = this.waiting[this.answered];
    if (!waiting) throw new ProtocolError('an answer to nothing');
    this.drop();
    if (reply instanceof ReplyError) waiting.reject(reply);
    else waiting.resolve(reply as never);
  }

  private takeHeard([kind, name, message]: readonly Buffer[], hearing: Hearing): void {
    const [what, channel] = [String(kind), String(name)];
    if (what === 'message' || what === 'smessage') return hearing.message(channel, message!);
    const { listening, resolve } = this.waiting[this.answered] ?? {};
    if (listening?.verb !== what || !listening.channels.delete(channel)) return hearing.ended(channel);
    if (listening.channels.size > 0) return;
    this.drop();
    resolve!(undefined as never);
  }

  /** The oldest that waits has its answer. */
  private drop(): void {
    this.answered++;
    if (this.answered < Math.min(this.waiting.length, ANSWERED_MAX)) return;
    this.waiting = this.waiting.slice(this.answered);
    this.answered = 0;
  }
}

/** A command as a string of bytes: Node writes one such in less time than a list of buffers. */
function encode(args: readonly Argument[]): string {
  let text = `*${args.length}\r\n`;
  for (const arg of args) {
    const bytes = bytesOf(arg);
    text += `$${bytes.length}\r\n${bytes}\r\n`;
  }
  return text;
}

function bytesOf(arg: Argument): string {
  if (typeof arg !== 'string')
    return Buffer.from(arg.buffer, arg.byteOffset, arg.byteLength).toString('latin1');
  return Buffer.byteLength(arg) === arg.length ? arg : Buffer.from(arg).toString('latin1');
}
