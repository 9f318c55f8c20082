import {
  HoldfastWebSocket,
  type HoldfastWebSocketOptions,
  type ProtocolsProvider,
  type UrlProvider,
} from '../../src/websocket/websocket.ts';

/** A socket whose other end is the test. It tells nothing by itself, least of all its own end. */
export class FakeSocket {
  static all: FakeSocket[] = [];
  readonly url: string;
  readonly protocols: unknown;
  readonly atMs = performance.now();
  readonly sent: unknown[] = [];
  readyState = 0;
  bufferedAmount = 0;
  binaryType = 'blob';
  protocol = '';
  extensions = '';
  closedWith: unknown[] | undefined;
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: unknown) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  onclose: ((event: unknown) => void) | null = null;

  constructor(url: string, protocols?: unknown) {
    this.url = url;
    this.protocols = protocols;
    FakeSocket.all.push(this);
  }

  static get last(): FakeSocket {
    return FakeSocket.all.at(-1)!;
  }

  send(data: unknown): void {
    this.sent.push(data);
  }

  close(...given: unknown[]): void {
    this.closedWith ??= given;
    this.readyState = 2;
  }

  open(): this {
    this.readyState = 1;
    this.onopen?.(new Event('open'));
    return this;
  }

  say(data: unknown): void {
    this.onmessage?.({ data, origin: 'ws://fake', lastEventId: '' });
  }

  end(code = 1006, reason = '', isError = false): void {
    this.readyState = 3;
    if (isError) this.onerror?.(new Event('error'));
    this.onclose?.({ code, reason, wasClean: code !== 1006 });
  }
}

/** A socket under test, and all that its listeners heard. */
export function open(
  options: HoldfastWebSocketOptions = {},
  url: UrlProvider = 'ws://fake/',
  protocols?: ProtocolsProvider,
) {
  FakeSocket.all = [];
  const socket = new HoldfastWebSocket(url, protocols, { WebSocket: FakeSocket, ...options });
  const heard: string[] = [];
  socket.addEventListener('open', () => heard.push('open'));
  socket.addEventListener('message', ({ data }) => heard.push(`message ${String(data)}`));
  socket.addEventListener('error', () => heard.push('error'));
  socket.addEventListener('close', ({ code }) => heard.push(`close ${code}`));
  return { socket, heard };
}
