import type { WebSocketLike } from '../client/dialer.ts';
import { openChannel, ownBytes, tunnelName, type Channel, type TunnelMessage } from './messages.ts';

/** What the socket asks of its room. */
export interface TabSocketHost {
  /** How long a leader may take to answer. */
  readonly answerMs: number;
  /** Asks whoever leads for a tunnel of that name. */
  ask(socket: TabSocket): void;
  forget(socket: TabSocket): void;
  unshared(url: string): void;
}

type State =
  /** The leader has not answered. */
  | { readonly name: 'asking' }
  | {
      readonly name: 'tunnel';
      readonly leader: string;
      readonly channel: Channel<TunnelMessage>;
      readonly timer: ReturnType<typeof setTimeout>;
    }
  | { readonly name: 'closed' };

/** A tab's end of its channel on the shared connection, in the shape of a WebSocket. */
export class TabSocket implements WebSocketLike {
  readonly url: string;
  readonly client: string;
  binaryType = 'arraybuffer';
  bufferedAmount = 0;
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  tunnel = '';
  #state: State = { name: 'asking' };
  readonly #host: TabSocketHost;

  constructor(host: TabSocketHost, url: string, client: string) {
    this.#host = host;
    this.url = url;
    this.client = client;
    this.#ask();
  }

  get leader(): string | undefined {
    return this.#state.name === 'tunnel' ? this.#state.leader : undefined;
  }

  /** A leader has opened the tunnel. */
  enter(leader: string): void {
    if (this.#state.name !== 'asking') return;
    const channel = openChannel<TunnelMessage>(tunnelName(this.tunnel, leader));
    // The leader may have let go of it between its answer and now.
    const giveUp = (): void => this.fail(1006, 'The tab that holds the connection does not answer.');
    const timer = setTimeout(giveUp, this.#host.answerMs);
    this.#state = { name: 'tunnel', leader, channel, timer };
    channel.onmessage = ({ data }) => {
      clearTimeout(timer);
      this.#handle(data);
    };
    channel.postMessage({ type: 'ready' });
  }

  /** Somebody else leads now: what was asked is asked again, and what was open is lost. */
  leaderChanged(leader: string | undefined): void {
    if (this.#state.name === 'asking') this.#ask();
    else if (this.leader !== leader) this.fail(1006, 'Another tab holds the connection now.');
  }

  send(bytes: Uint8Array): void {
    if (this.#state.name === 'tunnel')
      this.#state.channel.postMessage({ type: 'bytes', bytes: ownBytes(bytes) });
  }

  close(code = 1005): void {
    if (this.#state.name === 'tunnel') this.#state.channel.postMessage({ type: 'end', code, reason: '' });
    this.#end();
  }

  fail(code: number, reason: string): void {
    if (this.#state.name === 'closed') return;
    this.#end();
    this.onclose?.({ code, reason } as never);
  }

  #ask(): void {
    // A new name each time: what an earlier leader may still say to the old one, nobody hears.
    this.tunnel = crypto.randomUUID();
    this.#host.ask(this);
  }

  #handle(message: TunnelMessage): void {
    switch (message.type) {
      case 'open':
        return this.onopen?.(undefined as never);
      case 'bytes':
        return this.onmessage?.({ data: message.bytes } as never);
      case 'buffered':
        this.bufferedAmount = message.bytes;
        return;
      case 'end':
        if (message.unshared) this.#host.unshared(this.url);
        return this.fail(message.code, message.reason);
    }
  }

  #end(): void {
    if (this.#state.name === 'tunnel') {
      clearTimeout(this.#state.timer);
      this.#state.channel.close();
    }
    this.#state = { name: 'closed' };
    this.#host.forget(this);
  }
}
