import type { WireRecord } from '../../protocol/schema.ts';
import type { Outcome } from '../../session/reply-book.ts';
import type { Sent } from '../../session/server-session.ts';
import type { Node } from '../node.ts';
import type { NodeFate } from '../causes/verdict.ts';
import type { Processes } from '../resources/processes.ts';
import { resumableMs } from '../resume-token.ts';
import type { ServerStats } from '../types.ts';
import type { Session } from '../sessions.ts';
import { oncePerTurn } from '../turn.ts';
import { Accounts } from './accounts.ts';
import { sumOf, type ClusterStats } from './cluster-stats.ts';
import { Inquiries, unknown } from './inquiries.ts';
import { Members, type Member, type Progress } from './members.ts';
import {
  decodeNodeMessage,
  encodeNodeMessage,
  isId,
  LIST_MAX,
  NODE_MESSAGE_BYTES_MAX,
  type NodeMessage,
} from './node-messages.ts';
import { Orders, type Order } from './orders.ts';
import { Presence } from './presence.ts';
import { PRESENCE_PREFIX, PresenceTopics } from './presence-topics.ts';
import type { Present } from './roster.ts';
import { Takeovers } from './takeovers.ts';
import { continues } from './telling.ts';
import { Whereabouts } from './whereabouts.ts';

/** What is said without the sender, which is always this node. */
type Saying = NodeMessage extends infer M ? (M extends NodeMessage ? Omit<M, 'from'> : never) : never;

/** Topics with a signal for other nodes in one turn; signals of more are dropped (SPEC SIG-1). */
const SIGNALS_MAX = 256;
/** A node that is cut off misses the others' beats, before it knows why and while its clients leave. */
const OTHERS_WITHIN_MS = 60_000;

/**
 * This node among the others on its log: who they are, which sessions went where, what became of requests that
 * were sent elsewhere, and who is on a topic. All of it goes over the log's broadcast, which may lose anything.
 */
export class Cluster {
  readonly presence: Presence;
  readonly presenceTopics: PresenceTopics;
  readonly members: Members;
  /** How the application counts; the server puts its own in place. */
  statsOf: () => ServerStats = () => {
    throw new Error('A cluster needs its server’s stats before its first beat.');
  };
  private readonly takeovers: Takeovers;
  private readonly whereabouts: Whereabouts;
  private readonly inquiries: Inquiries;
  private readonly accounts: Accounts;
  private readonly orders: Orders;
  private readonly signals = new Map<string, Uint8Array>();
  private readonly wake: () => void;
  private beatSoon = false;
  private warned = false;
  private cancelBeat = (): void => {};
  private readonly node: Node;
  private readonly processes: Processes | undefined;

  constructor(node: Node, processes: Processes | undefined) {
    this.node = node;
    this.processes = processes;
    const { clock, limits, options, sessions, log } = node;
    const { random } = node.sessionConfig;
    const { askTimeoutMs: timeoutMs, nodeBeatMs, presentMax } = limits;
    const send = (message: Saying, payload?: Uint8Array): void => this.say(message, payload);
    this.wake = oncePerTurn(clock, () => this.flush());
    this.members = new Members(node.id, limits);
    this.whereabouts = new Whereabouts(resumableMs(limits.sessionTtlMs));
    this.takeovers = new Takeovers({
      node: node.id,
      sessions,
      moved: (session, number) => node.causes.handleMove(session, number),
      wake: this.wake,
      send: (run) => this.say({ kind: 'takeovers', ...run }),
    });
    this.inquiries = new Inquiries({ clock, wake: this.wake, send, timeoutMs, runningEveryMs: nodeBeatMs });
    this.accounts = new Accounts({
      session: (id) => sessions.get(id),
      handOver: (id, request, heir) => this.whereabouts.handOver(id, request, heir, node.nowMs()),
      send,
    });
    this.orders = new Orders({ clock, send, timeoutMs });
    this.presence = new Presence(
      (run) => this.say({ kind: 'presence', ...run }),
      (topic, change, present) => {
        if (this.presenceTopics.note(topic, change, present)) this.wake();
      },
    );
    const roster = () => this.presence.roster;
    this.presenceTopics = new PresenceTopics(log, { roster, codec: options.codec, presentMax, random });
  }

  // ── Beats ────────────────────────────────────────────────────────────────────────────────────────────────

  open(): void {
    this.beat(true);
    const { random } = this.node.sessionConfig;
    this.scheduleBeat(this.node.limits.nodeBeatMs * random());
  }

  close(): void {
    this.cancelBeat();
    this.inquiries.close();
    this.orders.close();
    this.say({ kind: 'bye' });
  }

  /** From time to time. */
  expire(nowMs: number): void {
    this.whereabouts.expire(nowMs, (session) => this.node.sessions.get(session)?.connection !== undefined);
  }

  private scheduleBeat(delayMs: number): void {
    const { limits, sessionConfig, clock } = this.node;
    this.cancelBeat = clock.setTimer(() => {
      this.upkeep();
      this.beat(false);
      // Spread, so that nodes which were started together do not beat together.
      this.scheduleBeat(limits.nodeBeatMs * (0.8 + 0.4 * sessionConfig.random()));
    }, delayMs);
  }

  private upkeep(): void {
    for (const { id } of this.members.takeDead()) this.lost(id);
    this.node.causes.review();
    this.presence.sweep();
    const heard = this.heardByAll();
    this.takeovers.telling.repeat(heard.takeovers);
    this.presence.repeat(heard.presence);
  }

  private beat(first: boolean): void {
    this.beatSoon = false;
    const everyMs = Math.round(this.node.limits.nodeBeatMs);
    const { top: takeovers } = this.takeovers.telling;
    const heard = [...this.members.values()]
      .slice(0, LIST_MAX)
      .map(({ id, takeoversHeard }): [string, number, number] => [
        id,
        takeoversHeard,
        this.presence.heardOf(id),
      ]);
    const process = this.processes?.own ?? '';
    const stats = this.statsOf();
    this.say({ kind: 'beat', everyMs, first, takeovers, heard, stats, process });
  }

  /** Whether there are other nodes, or were a moment ago: they may only be out of hearing. */
  get hasOthers(): boolean {
    return this.members.hadOthersSince(this.node.clock.nowMs() - OTHERS_WITHIN_MS);
  }

  /** What became of a node, as far as it is known here. */
  fateOf(id: string): NodeFate {
    if (id === this.node.id) return { state: 'here' };
    const found = this.members.lookUp(id);
    // A node that hears nobody itself takes nobody for dead.
    if (!found || this.node.log.health?.() !== undefined) return { state: 'unheard' };
    const { how, last } = found;
    if (how === 'left') return { state: 'left' };
    const { heardAtMs, everyMs, process } = last;
    const seen = this.processes?.look(process);
    if (seen === 'ended') return { state: 'ended', heardAtMs };
    if (how === 'alive') return { state: 'alive', heardAtMs, everyMs };
    // It may hang, or be cut off from the log.
    if (seen === 'there') return { state: 'alive', heardAtMs: this.node.clock.nowMs(), everyMs };
    return { state: 'silent', heardAtMs, everyMs };
  }

  /** How far every node that lives has heard this one. */
  private heardByAll(): Progress {
    const heard = { takeovers: this.takeovers.telling.top, presence: this.presence.telling.top };
    for (const { heardOfUs } of this.members.values()) {
      heard.takeovers = Math.min(heard.takeovers, heardOfUs.takeovers);
      heard.presence = Math.min(heard.presence, heardOfUs.presence);
    }
    return heard;
  }

  private lost(node: string): void {
    this.inquiries.handleGone(node);
    this.accounts.forget(node);
    this.presence.forget(node);
  }

  // ── What other nodes say ─────────────────────────────────────────────────────────────────────────────────

  heard(bytes: Uint8Array): void {
    if (this.node.state === 'closed') return;
    const decoded = decodeNodeMessage(bytes);
    if (!decoded || decoded.message.from === this.node.id) return;
    const { message, payload } = decoded;
    if ('to' in message && message.to !== this.node.id) return;
    this.handle(message, payload);
  }

  private handle(message: NodeMessage, payload: Uint8Array): void {
    switch (message.kind) {
      case 'beat':
        return this.handleBeat(message);
      case 'bye':
        return void (this.members.leave(message.from) && this.lost(message.from));
      case 'takeovers':
        return this.handleTakeovers(message);
      case 'presence':
        return this.handlePresence(message);
      case 'ask':
        this.takeovers.fence(message.session, message.connection, message.from);
        return this.accounts.handleAsk(message);
      case 'answer':
        return this.inquiries.handleAnswer(message, payload);
      case 'signal':
        return this.node.hub.offerSignal(message.topic, payload);
      case 'order':
        if (this.obey(message.session, message.order, message.text))
          this.say({ kind: 'obeyed', to: message.from, id: message.id });
        return;
      case 'obeyed':
        return this.orders.handleObeyed(message.id);
    }
  }

  private handleBeat(beat: NodeMessage<'beat'>): void {
    const known = this.members.get(beat.from);
    const member = this.members.heard(beat, this.node.clock.nowMs());
    if (!member) return this.warnOfCrowd();
    // A node that never had a client has nobody to be taken over from it.
    if (!known && this.node.counters.welcomed === 0) member.takeoversHeard = beat.takeovers;
    if (!beat.first) return;
    this.beatSoon = true;
    this.wake();
  }

  private warnOfCrowd(): void {
    const { nodesMax } = this.node.limits;
    if (this.warned || this.members.size < nodesMax - 1) return;
    this.warned = true;
    const text = `Holdfast: more than ${nodesMax} nodes share this log, and this one does not listen to the others. Raise limits.nodesMax.`;
    this.node.options.logger.warn(text);
  }

  private handleTakeovers(run: NodeMessage<'takeovers'>): void {
    this.takeovers.handle(run);
    const member = this.members.get(run.from);
    if (member && continues(run, member.takeoversHeard)) member.takeoversHeard = run.through;
  }

  private handlePresence(run: NodeMessage<'presence'>): void {
    if (this.members.get(run.from)) this.presence.hear(run.from, run);
  }

  // ── Sessions that move ───────────────────────────────────────────────────────────────────────────────────

  /**
   * A session was resumed here: the others must close what they have of it. Returns how far the outcome of what it
   * sent before can't be found out.
   */
  resumed(session: Session, { node, requestSent: through }: WireRecord<'hello'>): Sent {
    this.takeovers.tell(session);
    const { id, bornAfter } = session;
    if (node === this.node.id || through <= bornAfter.request) return bornAfter;
    if (this.whereabouts.cameFrom(id, { node, through }, this.node.nowMs())) return bornAfter;
    return { sequence: bornAfter.sequence, request: through };
  }

  // ── Requests that were sent elsewhere ────────────────────────────────────────────────────────────────────

  /** What became of a request that another node may have run; undefined for one that was never sent before. */
  elsewhere(session: Session, request: number): Promise<Outcome | 'not-run'> | undefined {
    const waypoint = this.whereabouts.of(session.id, request);
    if (!waypoint) return undefined;
    if (!isId(waypoint.node) || this.members.isGone(waypoint.node)) return Promise.resolve(unknown);
    return this.inquiries.ask(session, request, waypoint);
  }

  completed(session: Session, request: number, outcome: Outcome): void {
    this.accounts.completed(session.id, request, outcome);
  }

  finished(session: Session, below: number): void {
    this.whereabouts.finish(session.id, below);
  }

  // ── For the application ──────────────────────────────────────────────────────────────────────────────────

  /** Takes a signal to the other nodes at the end of the turn; of several on a topic the latest wins. */
  signal(topic: string, payload: Uint8Array): void {
    if (this.members.size === 0) return;
    if (this.signals.size >= SIGNALS_MAX && !this.signals.has(topic)) return;
    this.signals.set(topic, payload.slice());
    this.wake();
  }

  /** Has it done by whichever node has the session; false when none does. */
  async order(session: string, order: Order, text: string): Promise<boolean> {
    const isHere = this.obey(session, order, text);
    if (this.members.size === 0) return isHere;
    // Also when it is here: it may have moved a moment ago, and this connection of it be an old one.
    const elsewhere = this.orders.give(session, order, text);
    return isHere || elsewhere;
  }

  hasPresence(topic: string): boolean {
    return this.node.policyOf(topic).presence && !topic.startsWith('$');
  }

  /** The topic whose presence a subscription to this name shows. */
  watchedBy(name: string): string | undefined {
    if (!name.startsWith(PRESENCE_PREFIX)) return undefined;
    const topic = name.slice(PRESENCE_PREFIX.length);
    return this.hasPresence(topic) ? topic : undefined;
  }

  present(topic: string): { count: number; present: Present[] } {
    const { roster } = this.presence;
    return { count: roster.count(topic), present: roster.list(topic, this.node.limits.presentMax) };
  }

  stats(): ClusterStats {
    return sumOf([this.statsOf(), ...Array.from(this.members.values(), ({ stats }: Member) => stats)]);
  }

  private obey(id: string, order: Order, text: string): boolean {
    const connection = this.node.sessions.get(id)?.connection;
    if (!connection || connection.isClosed) return false;
    if (order === 'close') connection.close('ended-by-server', text);
    else void this.node.operations.reauthorize(connection);
    return true;
  }

  // ── Saying ───────────────────────────────────────────────────────────────────────────────────────────────

  private flush(): void {
    if (this.node.state === 'closed') return;
    this.takeovers.telling.flush();
    this.presence.telling.flush();
    this.presenceTopics.flush();
    this.inquiries.flush();
    for (const [topic, payload] of this.signals) this.say({ kind: 'signal', topic }, payload);
    this.signals.clear();
    if (this.beatSoon) this.beat(false);
  }

  private say(message: Saying, payload?: Uint8Array): void {
    const bytes = encodeNodeMessage({ ...message, from: this.node.id } as NodeMessage, payload);
    if (bytes.length <= NODE_MESSAGE_BYTES_MAX) this.node.log.broadcast(bytes);
  }
}
