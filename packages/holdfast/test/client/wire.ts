import { Client } from '../../src/client/client.ts';
import type { OnHint } from '../../src/client/driver.ts';
import type { WebSocketLike } from '../../src/client/dialer.ts';
import type { HttpAnswer } from '../../src/client/http-probe.ts';
import type { ClientOptions, Endpoints } from '../../src/client/options.ts';
import { decode, encode } from '../../src/protocol/codec.ts';
import type { WireRecord } from '../../src/protocol/schema.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { welcomeRecord } from '../session/client-hand.ts';

/** A socket whose other end is the test. */
export class FakeSocket implements WebSocketLike {
  binaryType = 'blob';
  bufferedAmount = 0;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly url: string;
  readonly protocols: string[];
  /** Each WebSocket message that was sent, as its records. */
  readonly messages: WireRecord[][] = [];
  closedWith: number | 'nothing' | 'terminate' | undefined;

  constructor(url: string, protocols: string[]) {
    this.url = url;
    this.protocols = protocols;
  }

  get records(): WireRecord[] {
    return this.messages.flat();
  }

  send(data: Uint8Array): void {
    const records = decode(data);
    if (typeof records === 'string') throw new Error(`The client sent what does not decode: ${records}.`);
    this.messages.push(records);
  }

  close(code?: number): void {
    this.closedWith = code ?? 'nothing';
  }

  terminate(): void {
    this.closedWith = 'terminate';
  }

  open(): void {
    this.onopen?.(undefined as never);
  }

  say(...records: WireRecord[]): void {
    this.onmessage?.({ data: encode(records) } as never);
  }

  hangUp(code = 1006, reason = ''): void {
    this.closedWith ??= code;
    this.onclose?.({ code, reason } as never);
  }
}

/** A client with the test at the other end of its sockets. */
export class Wire {
  readonly clock = new VirtualClock();
  readonly sockets: FakeSocket[] = [];
  readonly client: Client;
  isOnline = true;
  hint: OnHint = () => {};
  hintsWatched = false;
  /** Why an address can't even be tried. */
  refuseToOpen: (url: string) => Error | undefined = () => undefined;
  /** What plain HTTP is answered, address by address; without it there is no HTTP. */
  http: ((url: string) => HttpAnswer | undefined) | undefined;

  constructor(options: ClientOptions = {}, endpoints: Endpoints = 'ws://there/', http?: Wire['http']) {
    this.http = http;
    this.client = new Client(endpoints, options, {
      clock: this.clock.process(),
      random: () => 0.5,
      openSocket: (url, protocols) => {
        const refusal = this.refuseToOpen(url);
        if (refusal) throw refusal;
        const socket = new FakeSocket(url, protocols);
        this.sockets.push(socket);
        return socket;
      },
      isOnline: () => this.isOnline,
      ...(http && { ask: async (url: string) => this.http?.(url) }),
      watchHints: (onHint) => {
        this.hint = onHint;
        this.hintsWatched = true;
        return () => (this.hintsWatched = false);
      },
    });
  }

  /** The newest socket. */
  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error('Nothing was dialled.');
    return socket;
  }

  /** Lets what is due in this turn happen. */
  turn(): Promise<void> {
    return this.clock.advance(0);
  }

  /** Opens the newest socket and welcomes its client. */
  async welcome(how: Partial<WireRecord<'welcome'>> = {}): Promise<void> {
    await this.turn();
    this.socket.open();
    this.socket.say(welcomeRecord(how));
    await this.turn();
  }

  static async live(options?: ClientOptions, how?: Partial<WireRecord<'welcome'>>): Promise<Wire> {
    const wire = new Wire(options);
    await wire.welcome(how);
    return wire;
  }
}
