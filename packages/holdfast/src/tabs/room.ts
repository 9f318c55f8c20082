import type { WebSocketLike } from '../client/dialer.ts';
import { openChannel, type Channel, type Leader, type RoomMessage } from './messages.ts';
import { Relay } from './relay.ts';
import { TabSocket, type TabSocketHost } from './tab-socket.ts';

export interface RoomOptions {
  /** A leader that has not answered for this long, and once more at random, loses its place. Default 1,500. */
  answerMs: number;
  /** How often a tab that people look at asks whether the leader is there. Default 5,000. */
  pingMs: number;
}

/**
 *               ┌───────── stolen ─────────┐
 *               ▼                          │
 *   away ──▶ waiting ──the lock is ours──▶ leading
 *    ▲          │                          │
 *    └──────────┴── frozen, page hidden ───┘
 */
type State =
  /** Frozen, or in the back/forward cache. */
  | { readonly name: 'away' }
  /** `candidacy` withdraws the wish for the lock, and tells one candidacy from the next. */
  | { readonly name: 'waiting'; readonly candidacy: AbortController }
  | {
      readonly name: 'leading';
      readonly candidacy: AbortController;
      readonly me: Leader;
      readonly relay: Relay;
      release(): void;
    };

/** A tab among the tabs that share: it elects with the others who leads, and dials through that one. */
export class Room implements TabSocketHost {
  readonly #id = crypto.randomUUID();
  readonly #name: string;
  readonly #options: RoomOptions;
  readonly #channel: Channel<RoomMessage>;
  readonly #sockets = new Set<TabSocket>();
  readonly #unshared = new Set<string>();
  #isAlone = false;
  #state: State = { name: 'away' };
  /** Ends when this tab goes away; while it lasts, others know by a lock of this name that it is there. */
  #presence = new AbortController();
  #present!: Promise<void>;
  #arrive!: () => void;
  #leader: Leader | undefined;
  /** The highest term that was heard of. */
  #term = 0;
  #doubt: ReturnType<typeof setTimeout> | undefined;

  constructor(name: string, options: RoomOptions) {
    this.#name = name;
    this.#options = options;
    this.#channel = openChannel(name);
    this.#channel.onmessage = ({ data }) => this.#handle(data);
    this.#awaitPresence();
    this.#enter();
    const leave = (): void => this.#leave();
    const enter = (): void => this.#enter();
    document.addEventListener('freeze', leave);
    document.addEventListener('resume', enter);
    addEventListener('pagehide', leave);
    addEventListener('pageshow', enter);
    setInterval(() => {
      const isFollowing = this.#state.name === 'waiting' && this.#sockets.size > 0;
      if (isFollowing && !document.hidden) this.#askLeader({ type: 'ping' });
    }, options.pingMs);
  }

  dial(url: string, protocols: string[], client: string): WebSocketLike {
    if (this.#isAlone || this.#unshared.has(url))
      return new WebSocket(url, protocols) as unknown as WebSocketLike;
    const socket = new TabSocket(this, url, client);
    this.#sockets.add(socket);
    return socket;
  }

  // ── What its sockets ask ─────────────────────────────────────────────────────────────────────────────────

  get answerMs(): number {
    return this.#options.answerMs;
  }

  ask({ tunnel, url, client }: TabSocket): void {
    // Not before the others can know that this tab is there, or they would take it for gone.
    void this.#present.then(() => this.#askLeader({ type: 'dial', tab: this.#id, client, tunnel, url }));
  }

  forget(socket: TabSocket): void {
    this.#sockets.delete(socket);
  }

  unshared(url: string): void {
    this.#unshared.add(url);
  }

  // ── Messages ─────────────────────────────────────────────────────────────────────────────────────────────

  #askLeader(message: RoomMessage): void {
    if (this.#state.name === 'leading') return this.#answer(message);
    this.#channel.postMessage(message);
    this.#doubt ??= setTimeout(() => this.#handleSilence(), this.#options.answerMs * (1 + Math.random()));
  }

  #handle(message: RoomMessage): void {
    switch (message.type) {
      case 'dial':
      case 'ping':
        return this.#answer(message);
      case 'dialling':
      case 'leads':
        return this.#follow(message.by, message.type === 'dialling' ? message.tunnel : undefined);
      case 'resigned':
        if (message.by.id === this.#leader?.id) this.#changeLeader(undefined);
    }
  }

  /** As the leader, if it is. */
  #answer(message: RoomMessage): void {
    if (this.#state.name !== 'leading') return;
    const { me, relay } = this.#state;
    if (message.type === 'ping') return this.#channel.postMessage({ type: 'leads', by: me });
    if (message.type !== 'dial') return;
    const { tab, tunnel } = message;
    relay.dial(message);
    if (tab === this.#id) this.#follow(me, tunnel);
    else this.#channel.postMessage({ type: 'dialling', by: me, tunnel });
  }

  #follow(leader: Leader, tunnel: string | undefined): void {
    if (leader.term < this.#term) return;
    this.#term = leader.term;
    clearTimeout(this.#doubt);
    this.#doubt = undefined;
    // It was replaced while it was frozen, and hears of it before the browser tells.
    if (this.#state.name === 'leading' && leader.id !== this.#id) this.#state.release();
    for (const socket of this.#sockets) if (socket.tunnel === tunnel) socket.enter(leader.id);
    if (leader.id !== this.#leader?.id) this.#changeLeader(leader);
  }

  #changeLeader(leader: Leader | undefined): void {
    this.#leader = leader;
    for (const socket of this.#sockets) socket.leaderChanged(leader?.id);
  }

  /** The leader's page may be frozen without its having been told, or its thread be stuck. */
  #handleSilence(): void {
    this.#doubt = undefined;
    if (this.#state.name !== 'waiting') return;
    this.#state.candidacy.abort();
    void this.#campaign({ steal: true });
  }

  // ── The lock ─────────────────────────────────────────────────────────────────────────────────────────────

  #enter(): void {
    if (this.#state.name !== 'away') return;
    this.#presence = new AbortController();
    const { signal } = this.#presence;
    const stay = (): Promise<void> | undefined => {
      if (signal.aborted) return undefined;
      this.#arrive();
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()));
    };
    navigator.locks.request(`${this.#name}:${this.#id}`, stay).catch(() => this.#handleNoLocks());
    void this.#campaign();
  }

  #awaitPresence(): void {
    this.#present = new Promise((resolve) => (this.#arrive = resolve));
  }

  /** Where a page has no origin, such as in a sandbox, locks are refused: it shares with nobody. */
  #handleNoLocks(): void {
    this.#isAlone = true;
    for (const socket of this.#sockets) socket.fail(1006, 'This page may not use locks, so it can’t share.');
  }

  /** Waits for the lock, or steals it, and leads while it has it. */
  async #campaign({ steal = false } = {}): Promise<void> {
    const candidacy = new AbortController();
    this.#state = { name: 'waiting', candidacy };
    try {
      const how = steal ? { steal } : { signal: candidacy.signal };
      await navigator.locks.request(this.#name, how, () => this.#lead(candidacy));
    } catch {
      // The lock was stolen, or the wish for it withdrawn: either way this tab does not lead.
    }
    const state = this.#state as State;
    if (state.name !== 'leading' || state.candidacy !== candidacy) return;
    state.relay.close();
    void this.#campaign();
  }

  /** Lasts until the lock is given back. */
  #lead(candidacy: AbortController): Promise<void> | undefined {
    // Withdrawn while the browser was granting it.
    if (this.#state.name !== 'waiting' || this.#state.candidacy !== candidacy) return undefined;
    return new Promise((release) => {
      const relay = new Relay(this.#id, (tab) => navigator.locks.request(`${this.#name}:${tab}`, () => {}));
      // By the clock, for a tab that has not heard of the terms before.
      const me = { id: this.#id, term: Math.max(this.#term + 1, Date.now()) };
      this.#state = { name: 'leading', candidacy, me, relay, release };
      this.#channel.postMessage({ type: 'leads', by: me });
      this.#follow(me, undefined);
    });
  }

  #leave(): void {
    const state = this.#state;
    if (state.name === 'away') return;
    this.#state = { name: 'away' };
    this.#presence.abort();
    // What is dialled before it is back, such as by a client that hears of the resume first, waits until then.
    this.#awaitPresence();
    clearTimeout(this.#doubt);
    this.#doubt = undefined;
    if (state.name === 'waiting') state.candidacy.abort();
    if (state.name === 'leading') {
      this.#channel.postMessage({ type: 'resigned', by: state.me });
      state.relay.close();
      state.release();
    }
    this.#leader = undefined;
    for (const socket of this.#sockets) socket.fail(1006, 'This tab is put aside.');
  }
}
