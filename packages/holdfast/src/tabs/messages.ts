/** What the tabs of a room say to all. Ids are random, so that none is ever taken for another. */
export type RoomMessage =
  /** A tab wants a connection: the leader opens a tunnel for it. */
  | {
      readonly type: 'dial';
      readonly tab: string;
      /** Which of the tab's clients. */
      readonly client: string;
      readonly tunnel: string;
      readonly url: string;
    }
  | { readonly type: 'dialling'; readonly by: Leader; readonly tunnel: string }
  | { readonly type: 'ping' }
  /** The leader, when it begins and when it is asked. */
  | { readonly type: 'leads'; readonly by: Leader }
  | { readonly type: 'resigned'; readonly by: Leader };

/** Who leads, and since which term: one who was frozen, and does not know yet that it was replaced, has a lower one. */
export interface Leader {
  readonly id: string;
  readonly term: number;
}

/** What goes through a tunnel, a BroadcastChannel between one socket of a tab and its leader. */
export type TunnelMessage =
  /** From the tab: it listens. */
  | { readonly type: 'ready' }
  /** From the leader: the connection is open. */
  | { readonly type: 'open' }
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  /** From the leader: what the connection has not yet sent; also its answer to `ready`. */
  | { readonly type: 'buffered'; readonly bytes: number }
  /** `unshared`: the server does not share connections; dial it directly. */
  | { readonly type: 'end'; readonly code: number; readonly reason: string; readonly unshared?: true };

/** A channel that speaks one kind of message. */
export interface Channel<M> {
  onmessage: ((event: MessageEvent<M>) => void) | null;
  postMessage(message: M): void;
  close(): void;
}

export function openChannel<M>(name: string): Channel<M> {
  return new BroadcastChannel(name) as Channel<M>;
}

export function tunnelName(tunnel: string, leader: string): string {
  return `holdfast:${tunnel}:${leader}`;
}

/** Structured cloning takes a view's whole buffer along. */
export function ownBytes(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}
