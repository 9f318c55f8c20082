/**
 * One connection for many tabs.
 *
 * The tabs of one origin elect a leader by a Web Lock, and the leader holds the WebSocket for all. What must not
 * happen when a tab dies, at any moment, is that a message is lost or comes twice, or that a publish is applied
 * twice or never. There are two ways to arrange that:
 *
 * One client in the leader, which serves the others. Then a publish is in the leader's hands: the tab that made
 * it, the leader and the server would have to agree on what became of it when the leader dies, and the session
 * with its sequences and its outbox would have to be in the next leader's hands before the server has seen them.
 * `localStorage` can't do that: browsers hold it in each process, and a write may be seen after the writer's lock
 * was released. So each state of the session would have to be confirmed by another tab before anything is sent,
 * and every fault of a network would come back between the tabs, where no protocol holds.
 *
 * Or one client in each tab, and only the connection is shared, which is what is done here. Every tab has its own
 * session, positions, outbox and calls; the leader passes bytes on, and holds nothing that anybody would miss.
 * When it dies, its tabs lose a connection, as they might by any cause, and come back through the next leader:
 * the same resuming, the same dedup of publishes, and the same proofs. On the shared WebSocket each session has a
 * channel (SPEC TAB-1), which to the server is a connection like others, with its own authorization and limits.
 *
 *   tab        Client ── TabSocket ──┐                          (the leader's own client goes the same way)
 *   tab        Client ── TabSocket ──┤ BroadcastChannel, one for each pair
 *   leader                           └── Relay ── Line ══ one WebSocket, channels 1…n ══ server
 *
 * The leader changes when its page closes or crashes (the browser passes the lock on), when it is frozen or put
 * into the back/forward cache (it resigns, by event), and when it does not answer for a while (another steals the
 * lock). A client that suspects its line dials a rival beside it; it gets a new WebSocket then, since the shared
 * one may be what is dead, and tabs that come after join that.
 */
import { Client } from '../client/client.ts';
import { connect, platform } from '../client/browser.ts';
import type { OpenSocket } from '../client/dialer.ts';
import type { ClientOptions, Endpoints } from '../client/options.ts';
import type { Contract } from '../client/types.ts';
import { Room, type RoomOptions } from './room.ts';

export interface TabsOptions extends ClientOptions {
  tabs?: Partial<RoomOptions> & {
    /** Tabs with the same name share; others don't. Default: `holdfast`. */
    name?: string;
  };
}

/** A page's part in each room of tabs. */
const rooms = new Map<string, Room>();

/**
 * `connect()` over a connection that the tabs of this origin share. The client is this tab's own, with a session
 * of its own. Where the browser has no Web Locks (outside of secure contexts), or the server does not share
 * connections, each tab has its own connection.
 *
 * @throws HoldfastError `invalid-option` for an address or option that can't work.
 */
export function connectTabs<C extends Contract = Contract>(
  endpoints: Endpoints,
  { tabs: { name = 'holdfast', ...given } = {}, ...options }: TabsOptions = {},
): Client<C> {
  // Servers that render pages have some of these, and none has all.
  if (!globalThis.document || !navigator.locks || !globalThis.BroadcastChannel)
    return connect<C>(endpoints, options);
  const room = rooms.get(name) ?? new Room(`holdfast:${name}`, { answerMs: 1_500, pingMs: 5_000, ...given });
  rooms.set(name, room);
  const client = crypto.randomUUID();
  const openSocket: OpenSocket = (url, protocols) => room.dial(url, protocols, client);
  return new Client<C>(endpoints, options, { ...platform, openSocket });
}

export type { Client } from '../client/client.ts';
export type { RoomOptions } from './room.ts';
