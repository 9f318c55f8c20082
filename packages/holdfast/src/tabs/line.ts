import type { WebSocketLike } from '../client/dialer.ts';
import { closeCodes } from '../protocol/close-codes.ts';
import { CHANNELS_MAX, decodeShared, encodeEnd, encodeShared, SHARED_PROTOCOL } from '../protocol/shared.ts';
import { PROTOCOL_VERSION } from '../protocol/version.ts';
import { ownBytes, type Channel, type TunnelMessage } from './messages.ts';

interface Tunnel {
  readonly tab: string;
  readonly client: string;
  readonly channel: Channel<TunnelMessage>;
  isReady: boolean;
  /** Nothing has come for it since it last sent something, or was opened. */
  isWaiting: boolean;
  /**
   * Its number on the connection, from the first message on: numbers rise in the order in which channels open
   * there (SPEC TAB-1), and tabs do not speak in the order in which they asked.
   */
  number: number | undefined;
}

/** A tab that asked for a tunnel and has asked another leader meanwhile never enters it. */
const READY_TIMEOUT_MS = 10_000;

/** How often a tab hears what its connection has not yet sent, while there is anything. */
const BUFFERED_TELL_MS = 250;

/** One shared WebSocket: a channel for each tunnel, until the last of them ends. */
export class Line {
  readonly url: string;
  readonly #socket: WebSocketLike;
  readonly #tunnels = new Set<Tunnel>();
  readonly #numbered = new Map<number, Tunnel>();
  readonly #onEnd: (line: Line) => void;
  #state: 'dialling' | 'open' | 'ended' = 'dialling';
  #count = 0;
  /** Whether anything came that was of a shared connection. */
  #wasUnderstood = false;
  /** A tab has waited in vain, and nothing has come since: it may be dead, though others have not noticed. */
  #isDoubted = false;
  #teller: ReturnType<typeof setTimeout> | undefined;

  constructor(url: string, onEnd: (line: Line) => void) {
    this.url = url;
    this.#onEnd = onEnd;
    const socket = new WebSocket(url, [PROTOCOL_VERSION, SHARED_PROTOCOL]) as unknown as WebSocketLike;
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => this.#handleOpen();
    socket.onmessage = ({ data }: { data: ArrayBuffer | string }) => this.#handleMessage(data);
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      // What a server says to messages that it can't read.
      const unshared = code === closeCodes['protocol-error'].code && !this.#wasUnderstood;
      this.end(code, reason, { unshared });
    };
    socket.onerror = () => {};
  }

  get isJoinable(): boolean {
    return !this.#isDoubted && this.#tunnels.size < CHANNELS_MAX;
  }

  serves(client: string): boolean {
    return [...this.#tunnels].some((tunnel) => tunnel.client === client && tunnel.isReady);
  }

  add(tab: string, client: string, channel: Channel<TunnelMessage>): void {
    const stale = [...this.#tunnels].filter((tunnel) => tunnel.client === client && !tunnel.isReady);
    const tunnel = { tab, client, channel, isReady: false, isWaiting: true, number: undefined };
    this.#tunnels.add(tunnel);
    // A client that asks again, because the leader changed meanwhile, does not enter what it asked for before.
    for (const old of stale) this.#forget(old);
    setTimeout(() => tunnel.isReady || this.#forget(tunnel), READY_TIMEOUT_MS);
    channel.onmessage = ({ data }) => this.#handleTunnel(tunnel, data);
  }

  /** A tab is gone. */
  removeTab(tab: string): void {
    for (const tunnel of this.#tunnels) if (tunnel.tab === tab) this.#endTunnel(tunnel, closeCodes.gone.code);
  }

  /** Ends the connection, without waiting for a peer that may be gone. */
  end(code: number, reason: string, { unshared = false } = {}): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    clearTimeout(this.#teller);
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    // Told before the tabs are: what they dial next must know.
    this.#onEnd(this);
    for (const { channel } of this.#tunnels) {
      channel.postMessage({ type: 'end', code, reason, ...(unshared && { unshared }) });
      channel.close();
    }
    this.#tunnels.clear();
  }

  #handleOpen(): void {
    this.#state = 'open';
    for (const { isReady, channel } of this.#tunnels) if (isReady) channel.postMessage({ type: 'open' });
  }

  #handleMessage(data: ArrayBuffer | string): void {
    const message = typeof data === 'string' ? undefined : decodeShared(new Uint8Array(data));
    if (!message) {
      const text = 'The server sent a message of no channel.';
      return this.end(closeCodes['protocol-error'].code, text, { unshared: !this.#wasUnderstood });
    }
    this.#wasUnderstood = true;
    this.#isDoubted = false;
    const tunnel = this.#numbered.get(message.channel);
    if (!tunnel) return;
    tunnel.isWaiting = false;
    if (message.type === 'bytes')
      return tunnel.channel.postMessage({ type: 'bytes', bytes: ownBytes(message.bytes) });
    tunnel.channel.postMessage(message);
    this.#forget(tunnel);
  }

  #handleTunnel(tunnel: Tunnel, message: TunnelMessage): void {
    switch (message.type) {
      case 'ready':
        tunnel.isReady = true;
        tunnel.channel.postMessage({ type: 'buffered', bytes: this.#socket.bufferedAmount });
        if (this.#state === 'open') tunnel.channel.postMessage({ type: 'open' });
        return;
      case 'bytes':
        if (this.#state !== 'open') return;
        tunnel.isWaiting = true;
        this.#socket.send(encodeShared(this.#numberOf(tunnel), message.bytes));
        return this.#tellBuffered();
      case 'end':
        if (tunnel.isWaiting && message.code !== closeCodes.closed.code) this.#isDoubted = true;
        return this.#endTunnel(tunnel, message.code);
    }
  }

  /** Tabs can't see what is unsent, and take a line on which nothing moves for dead (SPEC LIVE-1). */
  #tellBuffered(): void {
    if (this.#teller !== undefined || this.#socket.bufferedAmount === 0) return;
    this.#teller = setTimeout(() => {
      this.#teller = undefined;
      const bytes = this.#socket.bufferedAmount;
      for (const { channel } of this.#tunnels) channel.postMessage({ type: 'buffered', bytes });
      this.#tellBuffered();
    }, BUFFERED_TELL_MS);
  }

  #numberOf(tunnel: Tunnel): number {
    if (tunnel.number === undefined) {
      tunnel.number = ++this.#count;
      this.#numbered.set(tunnel.number, tunnel);
    }
    return tunnel.number;
  }

  #endTunnel(tunnel: Tunnel, code: number): void {
    if (tunnel.number !== undefined) this.#socket.send(encodeEnd(tunnel.number, code, ''));
    this.#forget(tunnel);
  }

  #forget(tunnel: Tunnel): void {
    tunnel.channel.close();
    if (!this.#tunnels.delete(tunnel)) return;
    if (tunnel.number !== undefined) this.#numbered.delete(tunnel.number);
    // Nobody needs the connection any more; what was sent last goes out before its Close frame.
    if (this.#tunnels.size === 0) this.end(1000, '');
  }
}
