import { closeCodes } from '../../protocol/close-codes.ts';
import { CHANNELS_MAX, decodeShared, encodeEnd, encodeShared } from '../../protocol/shared.ts';
import type { Clock } from '../../session/clock.ts';
import { cutText } from '../cut-text.ts';
import {
  REASON_BYTES_MAX,
  type EngineHost,
  type EngineSocket,
  type Handshake,
  type SocketHandler,
} from '../engine.ts';

/** A peer that makes the server say so much, and does not read it, is held back (SPEC FLOW-7). */
const UNREAD_BYTES_MAX = 1_048_576;
/**
 * Each channel is a handshake, and costs its peer six bytes instead of a connection: so many begin at once, and then
 * one for each of these times. Tabs that are all restored at once are as many as there may be.
 */
const CHANNEL_MS = 100;
const BURST_MS = CHANNELS_MAX * CHANNEL_MS;

/** What a WebSocket tells of a Close frame without a code. */
const NO_CODE = 1_005;

/** One WebSocket, and the channels on it, each of which has a handler as if it were a socket of its own. */
export class SharedSocket implements SocketHandler {
  readonly socket: EngineSocket;
  readonly #host: EngineHost;
  readonly #handshake: Handshake;
  readonly #channels = new Map<number, Channel>();
  /** Channels are numbered upwards, so that what comes late for one that has ended opens no other. */
  #last = 0;
  /** Until when those that have begun are paid for. */
  #paidUntilMs = 0;
  #paused = 0;
  #isUnread = false;
  readonly #clock: Pick<Clock, 'nowMs'>;

  constructor(host: EngineHost, socket: EngineSocket, handshake: Handshake, clock: Pick<Clock, 'nowMs'>) {
    this.#host = host;
    this.#clock = clock;
    this.socket = socket;
    this.#handshake = handshake;
    // Counted and timed like any connection, whether it says anything or not.
    this.#open(1);
  }

  handleMessage(bytes: Uint8Array): void {
    const message = decodeShared(bytes);
    if (!message) {
      const text = 'A message of a shared connection has no channel.';
      return this.socket.close(closeCodes['protocol-error'].code, text);
    }
    const known = this.#channels.get(message.channel);
    if (message.type === 'end')
      return known?.finish(closeCodeOf(message.code), cutText(message.reason, REASON_BYTES_MAX));
    const channel = known ?? this.#open(message.channel);
    if (channel?.isOpen) channel.handler.handleMessage(message.bytes);
    // What its channels are told, each of them sees to; what is said of those that may not begin is nobody's.
    if (this.#isUnread || this.socket.bufferedBytes <= UNREAD_BYTES_MAX) return;
    this.#isUnread = true;
    this.hold(1);
  }

  handleDrain(): void {
    if (this.#isUnread) {
      this.#isUnread = false;
      this.hold(-1);
    }
    for (const { handler } of this.#channels.values()) handler.handleDrain();
  }

  handleClose(code: number, reason: string): void {
    for (const channel of this.#channels.values()) channel.finish(code, reason);
  }

  /** A channel has ended; with the last one, the connection does. */
  remove(id: number, code: number, reason: string): void {
    this.#channels.delete(id);
    if (this.#channels.size > 0) return;
    if (code === 1006) this.socket.terminate();
    else this.socket.close(code === NO_CODE ? closeCodes.closed.code : code, reason);
  }

  /** The peer is held back while any channel wants it to be: they all belong to one browser. */
  hold(by: 1 | -1): void {
    this.#paused += by;
    if (by === 1 && this.#paused === 1) this.socket.pause();
    if (by === -1 && this.#paused === 0) this.socket.resume();
  }

  #open(id: number): Channel | undefined {
    if (id <= this.#last) return undefined;
    this.#last = id;
    const nowMs = this.#clock.nowMs();
    const paidUntilMs = Math.max(this.#paidUntilMs, nowMs - BURST_MS) + CHANNEL_MS;
    if (this.#channels.size >= CHANNELS_MAX || paidUntilMs > nowMs) {
      const text = `A connection has at most ${CHANNELS_MAX} channels, and ${1_000 / CHANNEL_MS} new ones in a second.`;
      this.socket.send(encodeEnd(id, closeCodes.overloaded.code, text));
      return undefined;
    }
    this.#paidUntilMs = paidUntilMs;
    const channel = new Channel(this, id);
    this.#channels.set(id, channel);
    channel.handler = this.#host.open(channel, this.#handshake);
    return channel;
  }
}

class Channel implements EngineSocket {
  handler!: SocketHandler;
  #state: 'open' | 'ended' = 'open';
  #isPaused = false;
  readonly #id: number;
  readonly #shared: SharedSocket;

  constructor(shared: SharedSocket, id: number) {
    this.#shared = shared;
    this.#id = id;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  send(bytes: Uint8Array): void {
    if (this.isOpen) this.#shared.socket.send(encodeShared(this.#id, bytes));
  }

  get bufferedBytes(): number {
    return this.#shared.socket.bufferedBytes;
  }

  close(code: number, reason: string): void {
    if (this.#state === 'ended') return;
    this.#shared.socket.send(encodeEnd(this.#id, code, cutText(reason, REASON_BYTES_MAX)));
    this.finish(code, reason);
  }

  /** The tab may be gone, and its browser still there: it is told all the same. */
  terminate(): void {
    this.close(1006, '');
  }

  pause(): void {
    if (this.#state === 'ended' || this.#isPaused) return;
    this.#isPaused = true;
    this.#shared.hold(1);
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#shared.hold(-1);
  }

  /** The end, whoever wanted it. Told in a turn of its own, because whoever closes is not done yet. */
  finish(code: number, reason: string): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.resume();
    queueMicrotask(() => {
      this.handler.handleClose(code, reason);
      this.#shared.remove(this.#id, code, reason);
    });
  }
}

/** A peer may say any number; one that no Close frame may have is as good as none (RFC 6455 §7.4). */
function closeCodeOf(code: number): number {
  const isSaid = (code >= 1_000 && code <= 1_003) || (code >= 1_007 && code <= 1_014);
  return isSaid || (code >= 3_000 && code <= 4_999) ? code : NO_CODE;
}
