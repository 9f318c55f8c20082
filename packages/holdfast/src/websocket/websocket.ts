import { Backoff } from '../session/backoff.ts';
import { Buffer, byteLengthOf } from './buffer.ts';
import { closeEvent, defineHandlers, SocketErrorEvent } from './events.ts';
import { Heartbeat } from './heartbeat.ts';
import {
  invalid,
  resolveOptions,
  type Data,
  type HoldfastWebSocketOptions,
  type ProtocolsProvider,
  type ResolvedOptions,
  type UrlProvider,
} from './options.ts';
import { causes, type SocketStatus } from './status.ts';

export { HoldfastError } from '../protocol/error-codes.ts';
export type { SocketStatus } from './status.ts';
export type {
  Data,
  HeartbeatOptions,
  HoldfastWebSocketOptions,
  ProtocolsProvider,
  UrlProvider,
} from './options.ts';

/**
 *            ┌──────────────── wait over, online, reconnect() ───────────────┐
 *            ▼                                                               │
 *       connecting ──open──▶ live ──lost──┐                                  │
 *            └────── lost, timeout ───────┴──▶ waiting ──────────────────────┘
 *                                         └──▶ failed   retriesMax, shouldReconnect
 *   any ──close()──▶ closed            closed, failed ──reconnect()──▶ connecting
 *
 * An attempt is its state object: whatever comes late for one that is no more the state goes unheard.
 */
type State =
  | { readonly name: 'waiting'; readonly retryAt: number }
  | { readonly name: 'connecting'; socket: WebSocket | undefined }
  | { readonly name: 'live'; readonly socket: WebSocket; readonly heartbeat: Heartbeat | undefined }
  | { readonly name: 'closed' | 'failed' };

/** Events after which a connection may be dead without anybody having said so: each means "probe now". */
const hints = ['online', 'offline', 'visibilitychange', 'resume', 'pageshow', 'focus'];

const nowMs = (): number => performance.timeOrigin + performance.now();

// This only types what EventTarget and `defineHandlers` give.
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging
export interface HoldfastWebSocket {
  onopen: ((this: WebSocket, event: Event) => unknown) | null;
  onmessage: ((this: WebSocket, event: MessageEvent) => unknown) | null;
  onerror: ((this: WebSocket, event: Event) => unknown) | null;
  onclose: ((this: WebSocket, event: CloseEvent) => unknown) | null;
  addEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: (this: WebSocket, event: WebSocketEventMap[K]) => unknown,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof WebSocketEventMap>(
    type: K,
    listener: (this: WebSocket, event: WebSocketEventMap[K]) => unknown,
    options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/**
 * A WebSocket that comes back, for servers that know nothing of it. `open` and `close` are told each time, and
 * `readyState` is CONNECTING while it is about to come back. What is sent meanwhile waits, within bounds, and
 * goes out after the listeners of `open` have run, so that they can sign in first.
 *
 * What a socket had taken when it died may be lost: only a server that speaks Holdfast can tell.
 */
export class HoldfastWebSocket extends EventTarget implements WebSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  readonly CONNECTING = 0;
  readonly OPEN = 1;
  readonly CLOSING = 2;
  readonly CLOSED = 3;
  readonly #url: UrlProvider;
  readonly #protocols: ProtocolsProvider;
  readonly #options: ResolvedOptions;
  readonly #buffer: Buffer;
  #state: State = { name: 'closed' };
  #sinceMs = nowMs();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #binaryType: BinaryType = 'blob';
  #endpoint: string | undefined;
  readonly #backoff: Backoff;
  #cause: SocketStatus['cause'];
  #status: SocketStatus | undefined;
  #isTelling = false;
  #discardedBytes = 0;

  /**
   * @throws SyntaxError (a DOMException) for an address that can't be dialled, as WebSocket does.
   * @throws HoldfastError `invalid-option`
   */
  constructor(url: UrlProvider, protocols?: ProtocolsProvider, options: HoldfastWebSocketOptions = {}) {
    super();
    this.#url = url;
    this.#protocols = protocols;
    if (Object(protocols) === protocols && (protocols as string[]).length === undefined)
      invalid('options are its third argument');
    this.#options = resolveOptions(options);
    this.#buffer = new Buffer(this.#options.buffer);
    this.#backoff = new Backoff(this.#options.backoff, Math.random);
    this.#backoff.windowMs = this.#options.returnWindowMs;
    this.#backoff.place = Math.random();
    if (typeof url !== 'function') this.#endpoint = addressOf(url);
    if (!this.#options.startClosed) this.reconnect();
  }

  /** Never CLOSING, though code that looks for it is welcome. */
  get readyState(): 0 | 1 | 2 | 3 {
    const { name } = this.#state;
    return name === 'live' ? 1 : name === 'closed' || name === 'failed' ? 3 : 0;
  }

  /** The address that was dialled last. */
  get url(): string {
    return this.#endpoint ?? '';
  }

  get protocol(): string {
    return this.#socket?.protocol ?? '';
  }

  get extensions(): string {
    return this.#socket?.extensions ?? '';
  }

  get bufferedAmount(): number {
    return this.#buffer.bytes + this.#discardedBytes + (this.#socket?.bufferedAmount ?? 0);
  }

  get binaryType(): BinaryType {
    return this.#binaryType;
  }

  set binaryType(type: BinaryType) {
    this.#binaryType = type;
    if (this.#socket) this.#socket.binaryType = type;
  }

  /** Losses since the connection was last stable. */
  get retryCount(): number {
    return this.#backoff.attempt;
  }

  /** The state now. The same object until something changes. */
  get status(): SocketStatus {
    const state = this.#state;
    return (this.#status ??= Object.freeze({
      phase: state.name === 'waiting' && globalThis.navigator?.onLine === false ? 'offline' : state.name,
      since: this.#sinceMs,
      attempt: this.#backoff.attempt,
      retryAt: state.name === 'waiting' ? state.retryAt : undefined,
      rttMs: state.name === 'live' ? state.heartbeat?.rttMs : undefined,
      endpoint: this.#endpoint,
      queued: this.#buffer.count,
      unacknowledged: 0,
      cause: this.#cause,
    }));
  }

  /** Calls the listener with each new state; the result removes it. */
  onStatus(listener: (status: SocketStatus) => void): () => void {
    // By an event, so that one listener that throws keeps no other from hearing.
    const tell = (): void => listener(this.status);
    this.addEventListener('status', tell);
    return () => this.removeEventListener('status', tell);
  }

  /**
   * Sends, or keeps it until there is a connection. After `close()` it is discarded, as WebSocket does.
   * @throws HoldfastError `outbox-full` when it would wait and there is no room.
   */
  send(data: Data): void {
    // As WebSocket makes a text of what is no binary data.
    if (Object(data) !== data) data = String(data);
    // With `startClosed` it waits for the first dial.
    if (this.readyState === 3 && this.#backoff.liveAtMs > 0) {
      this.#discardedBytes += byteLengthOf(data);
      return;
    }
    // A socket that is closing would discard it in silence.
    if (this.#state.name === 'live' && this.#state.socket.readyState === 1)
      return this.#state.socket.send(data as ArrayBuffer);
    this.#buffer.add(data);
    this.#changed();
  }

  /**
   * Ends the connection and all attempts. The `close` event follows at once: a peer that is gone would answer
   * after a minute or never.
   */
  close(code = 1000, reason = ''): void {
    this.#hangUp(code, reason);
    this.#buffer.take();
    this.#watchHints(false);
    this.#become({ name: 'closed' });
  }

  /** Tries now, also after `close()`. A connection that is open is replaced; an attempt under way goes on. */
  reconnect(code = 1000, reason = ''): void {
    if (this.#state.name === 'connecting') return;
    if (this.readyState !== 0) {
      this.#hangUp(code, reason);
      this.#backoff.restart(nowMs());
      this.#watchHints(true);
    }
    void this.#dial();
  }

  /** What WebSocket would refuse is refused before anything has changed. */
  #hangUp(code: number, reason: string): void {
    const isCode = code === 1000 || (code >= 3000 && code <= 4999);
    if (!isCode || byteLengthOf(reason) > 123)
      throw new DOMException(
        'A page may close with 1000 or 3000 to 4999, and 123 bytes.',
        isCode ? 'SyntaxError' : 'InvalidAccessError',
      );
    if (this.readyState === 3) return;
    this.#release(code, reason);
    queueMicrotask(() => this.dispatchEvent(closeEvent({ code, reason, wasClean: true })));
  }

  get #socket(): WebSocket | undefined {
    return 'socket' in this.#state ? this.#state.socket : undefined;
  }

  async #dial(): Promise<void> {
    const state: State = { name: 'connecting', socket: undefined };
    const { connectTimeoutMs, WebSocket } = this.#options;
    const giveTime = (what: string): void => {
      clearTimeout(this.#timer);
      const text = `No ${what} within ${connectTimeoutMs} ms.`;
      this.#timer = setTimeout(
        () => this.#lose('unreachable', { code: 1006, reason: text }, text),
        connectTimeoutMs,
      );
    };
    this.#become(state);
    giveTime('address');
    try {
      const url = this.#url;
      const protocols = this.#protocols;
      const [address, names] = await Promise.all([
        typeof url === 'function' ? url() : url,
        typeof protocols === 'function' ? protocols() : protocols,
      ]);
      if (this.#state !== state) return;
      this.#endpoint = addressOf(address);
      // Of null, a WebSocket would make a protocol of that name.
      const socket = new WebSocket(this.#endpoint, names || undefined);
      state.socket = socket;
      giveTime('connection');
      let failure: unknown;
      socket.binaryType = this.#binaryType;
      socket.onopen = () => this.#handleOpen(socket);
      socket.onmessage = (event) => this.#handleMessage(event);
      socket.onerror = (event) => (failure = event);
      socket.onclose = ({ code, reason, wasClean }) =>
        this.#lose(causes[code] ?? 'lost', { code, reason, wasClean }, failure);
    } catch (error) {
      if (this.#state === state) this.#lose('unreachable', { code: 1006, reason: '' }, error);
    }
  }

  #handleOpen(socket: WebSocket): void {
    const { heartbeat, backoff } = this.#options;
    const text = 'No answer to the heartbeat.';
    const onSilence = (): void => this.#lose('silent', { code: 1006, reason: text }, text);
    const state: State = {
      name: 'live',
      socket,
      heartbeat: heartbeat && new Heartbeat(heartbeat, socket, onSilence),
    };
    this.#become(state);
    this.#timer = setTimeout(() => {
      this.#backoff.restart(nowMs());
      this.#changed();
    }, backoff.stableMs);
    this.dispatchEvent(new Event('open'));
    if (this.#state !== state) return;
    for (const data of this.#buffer.take()) socket.send(data as ArrayBuffer);
    this.#changed();
  }

  #handleMessage({ data, origin, lastEventId }: MessageEvent): void {
    const { heartbeat } = this.#state as State & { name: 'live' };
    if (heartbeat?.heard(data)) return this.#changed();
    // Node's MessageEvent takes only texts here, and `ws` gives none.
    const from = { origin: origin ?? '', lastEventId: lastEventId ?? '' };
    this.dispatchEvent(new MessageEvent('message', { data, ...from }));
  }

  /** The connection, or the attempt at one, is over: `failure` is what an `error` event tells, if there was any. */
  #lose(name: string, close: CloseEventInit, failure: unknown): void {
    const { retriesMax, shouldReconnect } = this.#options;
    const backoff = this.#backoff;
    const wasReached = this.#state.name === 'live';
    const now = nowMs();
    this.#release();
    if (wasReached) backoff.liveAtMs = now;
    backoff.attempt++;
    const text = messageOf(failure) || close.reason || `The connection was lost (close code ${close.code}).`;
    this.#cause = { code: wasReached ? name : 'unreachable', text };
    const event = closeEvent(close);
    const delayMs = backoff.nextMs(wasReached, now);
    this.#become({ name: 'waiting', retryAt: now + delayMs });
    this.#timer = setTimeout(() => void this.#dial(), delayMs);
    try {
      // The application's function may throw.
      if (backoff.attempt > retriesMax || !shouldReconnect(event)) {
        this.#watchHints(false);
        this.#become({ name: 'failed' });
      }
    } finally {
      if (failure !== undefined) this.dispatchEvent(new SocketErrorEvent(text, failure));
      this.dispatchEvent(event);
    }
  }

  /** Lets go of the socket without waiting for its end, which on a dead line comes after a minute. */
  #release(code?: number, reason?: string): void {
    const socket = this.#socket;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    // An `error` that nobody listens for would end a Node process.
    socket.onerror = () => {};
    socket.close(code, reason);
  }

  readonly #handleHint = ({ type }: Event): void => {
    const state = this.#state;
    if (state.name === 'waiting' && type === 'online') void this.#dial();
    if (state.name === 'live') state.heartbeat?.probe();
    this.#changed();
  };

  #watchHints(on: boolean): void {
    const change = on ? globalThis.addEventListener : globalThis.removeEventListener;
    // Capturing, because `visibilitychange` and `resume` happen to the document.
    for (const name of hints) change?.(name, this.#handleHint, true);
  }

  #become(state: State): void {
    clearTimeout(this.#timer);
    if (this.#state.name === 'live') this.#state.heartbeat?.stop();
    if (this.#state.name !== state.name) this.#sinceMs = nowMs();
    this.#state = state;
    this.#changed();
  }

  #changed(): void {
    this.#status = undefined;
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      this.dispatchEvent(new Event('status'));
    });
  }
}

defineHandlers(HoldfastWebSocket.prototype, ['open', 'message', 'error', 'close']);

/** As WebSocket reads an address (WHATWG WebSockets §3.1): relative to the page, `http` as `ws`. */
function addressOf(url: string | URL): string {
  try {
    const address = new URL(url, globalThis.location?.href);
    address.protocol = address.protocol.replace(/^http/, 'ws');
    if (/^wss?:$/.test(address.protocol) && !address.hash) return address.href;
  } catch {
    // It is told below.
  }
  throw new DOMException('The address must be like wss://host/path, without a fragment.', 'SyntaxError');
}

function messageOf(failure: unknown): string {
  return typeof failure === 'string'
    ? failure
    : ((failure as { message?: string } | undefined)?.message ?? '');
}
