import type { Limits } from '../../protocol/limits.ts';
import { schema, type WireRecord } from '../../protocol/schema.ts';
import type { Clock } from '../../session/clock.ts';
import type { Connection } from '../connection.ts';
import { cutText } from '../cut-text.ts';
import type { Session } from '../sessions.ts';
import type { Wheel } from '../wheel.ts';
import { awaitsFate } from './crash.ts';
import { claimAlike, cutOf } from './cuts.ts';
import { explain } from './explain.ts';
import type { ClientFlight, Cut, Evidence, NodeFate, ServerFlight, Verdict } from './verdict.ts';

/** Cuts to compare with: enough for rare ones to stand out, and quickly looked through. */
const CUTS_MAX = 128;
/** Of those that come at once: a restart that cuts thousands must not take the place of all that was before. */
const CROWD_MAX = 8;
const CROWD_MS = 300;
const EXPLANATION_BYTES_MAX = schema.cause[1].text.bytesMax;
/** From here up nothing that a client could add would change the verdict. */
const CERTAIN = 0.95;

/** A node that dies leaves thousands behind, and each explanation takes some 50 µs: these are a short moment. */
const REVIEWED_MAX = 1_000;

/** What this needs of a node. */
export interface CausesHost {
  readonly id: string;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly wheel: Pick<Wheel, 'stall'>;
  readonly limits: Pick<Limits, 'flightsMax' | 'sessionTtlMs'>;
  readonly cluster: { readonly hasOthers: boolean; fateOf(node: string): NodeFate };
  readonly listener: { explained(session: Session, verdict: Verdict): void };
}

type Returned = Pick<Connection, 'session' | 'address'> & { machine: Pick<Connection['machine'], 'send'> };

/** What the client says of the end, as it comes back. */
interface Told {
  readonly atMs: number;
  readonly flight: ClientFlight | undefined;
  readonly address: number;
  /** The process that the lost connection was to. */
  readonly node: string;
  /** Where the client is told the verdict. */
  readonly connection: Returned;
}

/** An ended connection of a session, until the session is forgotten. */
interface Ended {
  readonly session: Session;
  /** The client's own number for it. */
  readonly connection: number;
  readonly server: ServerFlight | undefined;
  readonly atMs: number;
  /** Until there is a verdict. */
  told: Told | undefined;
  verdict: Verdict | undefined;
}

/**
 * Explains each disconnect of a session once: at once where nothing more is to be learned, else when its client is
 * back and has told its side, or when it is too late for that (SPEC CAUSE-5). What may be the death of another node
 * waits until that node is heard again, or is dead.
 */
export class Causes {
  /** How many disconnects were explained by each verdict. */
  readonly counts: Record<string, number> = {};
  private readonly ended = new Map<string, Ended>();
  /** Those whose client is back, and that wait for news of the node that it came from. */
  private readonly waiting = new Set<Ended>();
  private readonly cuts: Cut[] = [];
  private readonly startedAtMs: number;
  private readonly node: CausesHost;

  constructor(node: CausesHost) {
    this.node = node;
    this.startedAtMs = node.clock.nowMs();
  }

  /** A session has lost its connection, or another has taken it over. */
  handleEnd(session: Session, server: ServerFlight): void {
    const before = this.ended.get(session.id);
    if (before) this.giveUp(before);
    // The node that the session went to hears from its client, and explains it.
    if (server.endedBy === 'server' && server.reason === 'superseded') return;
    const ended = this.keep(session, server.connection, server);
    const evidence = this.evidence(ended);
    const verdict = explain(evidence);
    // Whoever was asked to move tells the node that it has moved to, which explains it.
    const hasMoved = server.wasToldToGo && this.node.cluster.hasOthers;
    if (verdict.confidence >= CERTAIN && !hasMoved) this.settle(ended, evidence, verdict);
  }

  /**
   * A session is back, on the connection that is its own now. `lastNode` is the process that its client was
   * connected to before; `flight` what it says of the end. Its client gets the verdict, if it told its side.
   */
  handleReturn(connection: Returned, lastNode: string, flight: WireRecord<'flight'> | undefined): void {
    const session = connection.session!;
    let ended = this.ended.get(session.id);
    if (ended && flight && ended.connection !== flight.connection) {
      this.giveUp(ended);
      // Of a later connection its client never knew; the one that it speaks of was explained to that.
      if (flight.connection < ended.connection) return;
      ended = undefined;
    }
    if (!ended) {
      if (!flight) return;
      ended = this.keep(session, flight.connection, undefined);
    }
    const { verdict, server } = ended;
    if (verdict) return flight && tell(connection, verdict);
    const node = server ? this.node.id : lastNode;
    const atMs = this.node.clock.nowMs();
    ended.told = { atMs, flight, address: connection.address, node, connection };
    const evidence = this.evidence(ended);
    const first = explain(evidence);
    if (first.id === 'unknown' && awaitsFate(evidence)) this.waiting.add(ended);
    else this.settle(ended, evidence, first);
  }

  /** With each beat: explains what waited for news of another node, and does no longer. */
  review(): void {
    let left = REVIEWED_MAX;
    for (const ended of this.waiting) {
      const evidence = this.evidence(ended);
      if (awaitsFate(evidence)) continue;
      this.settle(ended, evidence, explain(evidence));
      if (--left === 0) return;
    }
  }

  /** A session is back on another node, which hears from its client, and explains what nobody here knows more of. */
  handleMove(session: string, number: number): void {
    const ended = this.ended.get(session);
    if (!ended || ended.verdict || ended.connection >= number) return;
    if (ended.told) this.giveUp(ended);
    else this.ended.delete(session);
  }

  /** Explains what nobody came back for in time, as well as can be. */
  expire(nowMs: number): void {
    for (const ended of this.ended.values()) {
      // The oldest stand first.
      if (nowMs - ended.atMs <= this.node.limits.sessionTtlMs) return;
      this.giveUp(ended);
    }
  }

  /** Explains what is left when nobody can come back any more. */
  close(): void {
    for (const ended of this.ended.values()) this.giveUp(ended);
  }

  private keep(session: Session, connection: number, server: ServerFlight | undefined): Ended {
    const atMs = this.node.clock.nowMs();
    const ended: Ended = { session, connection, server, atMs, told: undefined, verdict: undefined };
    // Deleted first, so that the newest stands last.
    this.ended.delete(session.id);
    this.ended.set(session.id, ended);
    if (this.ended.size > this.node.limits.flightsMax) {
      const [oldest] = this.ended.values();
      this.giveUp(oldest!);
    }
    return ended;
  }

  private giveUp(ended: Ended): void {
    this.ended.delete(ended.session.id);
    if (ended.verdict) return;
    const evidence = this.evidence(ended);
    this.settle(ended, evidence, explain(evidence));
  }

  private settle(ended: Ended, evidence: Evidence, verdict: Verdict): void {
    const { told, session } = ended;
    ended.verdict = verdict;
    ended.told = undefined;
    this.waiting.delete(ended);
    this.counts[verdict.id] = (this.counts[verdict.id] ?? 0) + 1;
    this.noteCut(evidence, verdict);
    this.node.listener.explained(session, verdict);
    if (told?.flight) tell(told.connection, verdict);
  }

  /** What something in between cut, as far as is known, is what later cuts are compared with. */
  private noteCut(evidence: Evidence, { id }: Verdict): void {
    const isLimit = id === 'idle-cut-by-intermediary' || id === 'lifetime-cut-by-intermediary';
    if (!isLimit && id !== 'unknown') return;
    const cut = cutOf(evidence);
    if (!cut || this.isCrowded(cut.atMs)) return;
    if (isLimit) claimAlike(id, cut, this.cuts);
    this.cuts.push({ ...cut, limit: isLimit ? id : undefined });
    if (this.cuts.length > CUTS_MAX) this.cuts.shift();
  }

  private isCrowded(atMs: number): boolean {
    const last = this.cuts.slice(-CROWD_MAX);
    return last.length === CROWD_MAX && last.every((other) => Math.abs(other.atMs - atMs) < CROWD_MS);
  }

  private evidence({ server, told }: Ended): Evidence {
    const { startedAtMs, cuts } = this;
    const { clock, wheel, cluster } = this.node;
    const around = {
      // What the client says of times, it counts back from its return.
      nowMs: told?.atMs ?? clock.nowMs(),
      startedAtMs,
      node: told ? cluster.fateOf(told.node) : here,
      address: told?.address ?? 0,
      stall: wheel.stall,
      cuts,
    };
    return { client: told?.flight, server, around };
  }
}

const here: NodeFate = { state: 'here' };

function tell(connection: Returned, { id, confidence, evidence, fix }: Verdict): void {
  connection.machine.send({
    type: 'cause',
    id,
    confidence: Math.round(confidence * 100),
    text: cutText(evidence.join(' '), EXPLANATION_BYTES_MAX),
    fix: fix ?? '',
  });
}
