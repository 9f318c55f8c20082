import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { TLSSocket } from 'node:tls';
import { constants, inflateRawSync } from 'node:zlib';
import { type Budget, BudgetExceeded } from './budget.ts';
import { encodeClientFrame, type Frame, FrameReader, OPCODE } from './frames.ts';
import { printable } from './response-head.ts';

/** How a connection ended, as seen from here. */
export type Ending =
  | { readonly how: 'close-frame'; readonly code: number; readonly reason: string }
  /** TCP was closed in order, without a Close frame: what most proxies do. */
  | { readonly how: 'fin' }
  | { readonly how: 'reset' }
  /** The kernel gave up: its segments or keepalive probes stayed unanswered. */
  | { readonly how: 'timed-out' }
  | { readonly how: 'violation'; readonly what: string }
  /** This side closed it. */
  | { readonly how: 'local' };

const CLOSE_ANSWER_MS_MAX = 1_000;
const MESSAGE_BYTES_MAX = 2 * 1024 * 1024;
/** Empty ones add nothing to the bytes, but each takes memory. */
const FRAGMENTS_MAX = 10_000;
const PENDING_PINGS_MAX = 1_000;

interface Message {
  readonly bytes: number;
  readonly text: string;
}

/** A WebSocket connection that keeps the time of every byte and tells how it ended. */
export class ProbeConnection {
  readonly openedAtMs = performance.now();
  /** The first ending wins; what follows it is only its echo. */
  readonly ended: Promise<Ending>;
  ending: Ending | null = null;
  endedAtMs: number | null = null;
  lastInMs = this.openedAtMs;
  lastOutMs = this.openedAtMs;
  /** Frames that the server sent without being asked: its own pings and messages. */
  readonly unaskedAtMs: number[] = [];
  /** Answers the server's pings, as every browser does by itself. */
  answersPings = true;
  /** Takes every message, instead of those who wait for the next one. Compressed ones come as they are. */
  onMessage: ((bytes: Buffer) => void) | null = null;

  readonly #socket: Socket;
  readonly #budget: Budget;
  readonly #reader: FrameReader;
  readonly #pings = new Map<string, (rttMs: number) => void>();
  readonly #waitingForMessage: ((message: Message) => void)[] = [];
  #message: Buffer[] = [];
  #messageBytes = 0;
  #messageCompressed = false;
  #nextPing = 1;
  #end!: (ending: Ending) => void;

  constructor(socket: Socket, first: Buffer, budget: Budget, isCompressed: boolean) {
    this.#reader = new FrameReader(isCompressed);
    this.#socket = socket;
    this.#budget = budget;
    this.ended = new Promise((resolve) => {
      this.#end = (ending) => {
        if (this.ending) return;
        this.ending = ending;
        this.endedAtMs = performance.now();
        budget.closeConnection();
        socket.destroy();
        resolve(ending);
      };
    });
    socket.on('data', (chunk: Buffer) => this.#handleBytes(chunk));
    socket.on('end', () => this.#end({ how: 'fin' }));
    socket.on('close', () => this.#end({ how: 'fin' }));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      this.#end({ how: error.code === 'ETIMEDOUT' ? 'timed-out' : 'reset' }),
    );
    socket.resume();
    if (first.length > 0) this.#handleBytes(first);
  }

  /** The time since a byte last went either way. */
  silentMs(nowMs = performance.now()): number {
    return nowMs - Math.max(this.lastInMs, this.lastOutMs);
  }

  /**
   * Resolves with the round trip, or with null when no pong came in time or the connection ended. Throws at
   * once when the ping would be more than was announced, so that it reaches those who do not wait for the pong.
   */
  ping(timeoutMs: number): Promise<number | null> {
    if (this.ending || this.#pings.size >= PENDING_PINGS_MAX) return Promise.resolve(null);
    const payload = `holdfast ${this.#nextPing}`;
    this.#nextPing += 1;
    const sentAtMs = performance.now();
    const pong = new Promise<number>((resolve) =>
      this.#pings.set(payload, (atMs) => resolve(atMs - sentAtMs)),
    );
    this.#send(OPCODE.ping, Buffer.from(payload));
    return this.within(timeoutMs, pong).finally(() => this.#pings.delete(payload));
  }

  /** A heartbeat that asks for no answer (RFC 6455, section 5.5.3), so bytes flow one way only. */
  sendPong(): void {
    if (!this.ending) this.#send(OPCODE.pong, Buffer.from('holdfast'));
  }

  sendText(text: string): void {
    if (!this.ending) this.#send(OPCODE.text, Buffer.from(text));
  }

  sendBinary(bytes: Uint8Array): void {
    if (!this.ending) this.#send(OPCODE.binary, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  }

  /** Sends the text and resolves with the next message, or with null when none came in time. */
  async exchange(text: string, timeoutMs: number): Promise<Message | null> {
    const answer = this.nextMessage(timeoutMs);
    this.sendText(text);
    return answer;
  }

  async nextMessage(timeoutMs: number): Promise<Message | null> {
    let deliver!: (message: Message) => void;
    const message = new Promise<Message>((resolve) => (deliver = resolve));
    this.#waitingForMessage.push(deliver);
    const received = await this.within(timeoutMs, message);
    const index = this.#waitingForMessage.indexOf(deliver);
    if (index !== -1) this.#waitingForMessage.splice(index, 1);
    return received;
  }

  /** The kernel's own probes; the system rounds to whole seconds. */
  keepAlive(intervalMs: number): void {
    this.#socket.setKeepAlive(true, intervalMs);
  }

  /** The closing handshake; resolves true when the peer showed a sign of life. */
  async close(): Promise<boolean> {
    if (!this.ending && this.#sendIfAnnounced(OPCODE.close, Buffer.from([0x03, 0xe8]))) {
      await this.within(CLOSE_ANSWER_MS_MAX, this.ended);
    }
    const answered = this.ending !== null && this.ending.how !== 'timed-out';
    this.#end({ how: 'local' });
    return answered;
  }

  drop(): void {
    this.#end({ how: 'local' });
  }

  /** Breaks it with a RST, as a crash or a firewall does. */
  reset(): void {
    // Node can reset plain TCP only.
    if (!this.ending && !(this.#socket instanceof TLSSocket)) this.#socket.resetAndDestroy();
    this.#end({ how: 'local' });
  }

  /** What is wanted, or null when it did not come in time or the connection ended. */
  async within<T>(timeoutMs: number, wanted: Promise<T>): Promise<T | null> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => (timer = setTimeout(resolve, timeoutMs, null)));
    const gone = this.ended.then(() => null);
    // `wanted` stands first, so an answer that came together with the end still counts.
    const first = await Promise.race([wanted, gone, late]);
    clearTimeout(timer);
    return first;
  }

  #send(opcode: number, payload: Buffer): void {
    const frame = encodeClientFrame(opcode, payload);
    this.#budget.sendBytes(frame.length);
    this.lastOutMs = performance.now();
    this.#socket.write(frame);
  }

  /** For what no step waits for: false, and nothing sent, when it would be more than was announced. */
  #sendIfAnnounced(opcode: number, payload: Buffer): boolean {
    try {
      this.#send(opcode, payload);
      return true;
    } catch (error) {
      if (!(error instanceof BudgetExceeded)) throw error;
      return false;
    }
  }

  #handleBytes(chunk: Buffer): void {
    if (this.ending) return;
    const lastInMs = this.lastInMs;
    this.lastInMs = performance.now();
    for (const frame of this.#reader.read(chunk)) this.#handleFrame(frame);
    if (this.#reader.violation) this.#end({ how: 'violation', what: this.#reader.violation });
    // The farewell is not what broke the silence.
    if (this.ending) this.lastInMs = lastInMs;
  }

  #handleFrame(frame: Frame): void {
    switch (frame.opcode) {
      case OPCODE.pong: {
        const waiting = this.#pings.get(frame.payload.toString('latin1'));
        if (waiting) waiting(this.lastInMs);
        else this.#noteUnasked();
        return;
      }
      case OPCODE.ping:
        this.#noteUnasked();
        this.#answerPing(frame.payload);
        return;
      case OPCODE.close: {
        const { payload } = frame;
        const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
        this.#end({ how: 'close-frame', code, reason: printable(payload.subarray(2).toString('utf8'), 123) });
        return;
      }
      default:
        this.#handleDataFrame(frame);
    }
  }

  #answerPing(payload: Buffer): void {
    if (!this.answersPings || this.ending || this.#sendIfAnnounced(OPCODE.pong, payload)) return;
    this.#end({ how: 'violation', what: 'the server asked for more pongs than were announced' });
  }

  #handleDataFrame(frame: Frame): void {
    if (frame.opcode !== OPCODE.continuation) {
      this.#message = [];
      this.#messageBytes = 0;
      this.#messageCompressed = frame.compressed;
    }
    this.#messageBytes += frame.payloadBytes;
    if (this.#message.length >= FRAGMENTS_MAX)
      return this.#end({ how: 'violation', what: `a message of more than ${FRAGMENTS_MAX} fragments` });
    // A fragment that waits for the others must not hold all that came with it.
    const kept = frame.final ? frame.payload : Buffer.from(frame.payload);
    if (this.#messageBytes <= MESSAGE_BYTES_MAX) this.#message.push(kept);
    if (!frame.final) return;
    if (this.onMessage) {
      const whole = Buffer.concat(this.#message);
      this.#message = [];
      return this.onMessage(whole);
    }
    const waiting = this.#waitingForMessage.shift();
    if (!waiting) return this.#noteUnasked();
    const bytes = Buffer.concat(this.#message);
    this.#message = [];
    waiting({ bytes: this.#messageBytes, text: this.#messageCompressed ? inflate(bytes) : bytes.toString() });
  }

  #noteUnasked(): void {
    if (this.unaskedAtMs.length < 1_000) this.unaskedAtMs.push(this.lastInMs);
  }
}

/** RFC 7692, section 7.2.2: the tail that the sender removed is appended before inflating. */
function inflate(bytes: Buffer): string {
  try {
    const whole = Buffer.concat([bytes, Buffer.from([0, 0, 0xff, 0xff])]);
    return inflateRawSync(whole, {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: MESSAGE_BYTES_MAX,
    }).toString();
  } catch {
    return '';
  }
}
