import { cutText } from '../cut-text.ts';
import { Roster, type Present } from './roster.ts';
import { continues, Telling, type Fact, type Run } from './telling.ts';

/** On the wire between nodes: who is on a topic, by user, or that a session has left it. */
export type PresenceFact = [topic: string, session: string, user: string | null];

/** A run of them, with the highest number of a fact that has left no trace: it is in no run but the list from 0. */
export interface PresenceRun extends Run<PresenceFact> {
  pruned: number;
}

/** A session of this node on a topic, or the trace of one until all nodes have heard that it left. */
interface Own {
  readonly topic: string;
  readonly session: string;
  readonly user: string;
  number: number;
  /** How many subscriptions it has there. */
  uses: number;
  state: { name: 'here' } | { name: 'away'; sweeps: number } | { name: 'left' };
}

/** What another node has told. */
interface Others {
  readonly facts: Map<string, { topic: string; session: string; round: number }>;
  /** How far it was heard. */
  heard: number;
  /** What had left no trace when its list began. */
  pruned: number;
  /** Counts the lists that began anew: what the newest did not name is gone, once it is complete. */
  round: number;
  completeRound: number;
}

const USER_BYTES_MAX = 256;
/** A topic and a user of full length, every character escaped, still fit a message so many times. */
const RUN_FACTS_MAX = 128;
/** Facts kept of one other node; a node that tells of more is not believed. */
const FACTS_MAX = 250_000;

/**
 * Who is on the topics that have presence. Each node tells of its own sessions, and each keeps what the others
 * told: the list is at hand on every node, and a node's death takes its sessions off all lists at once.
 */
export class Presence {
  readonly telling: Telling<PresenceFact>;
  readonly roster: Roster;
  private readonly own = new Map<string, Own>();
  private readonly others = new Map<string, Others>();
  private pruned = 0;

  constructor(
    send: (run: PresenceRun) => void,
    changed: (topic: string, change: 'joined' | 'left', present: Present) => void,
  ) {
    this.roster = new Roster(changed);
    this.telling = new Telling(
      RUN_FACTS_MAX,
      (after) => this.factsAfter(after),
      (run) => send({ ...run, pruned: this.pruned }),
    );
  }

  // ── This node's sessions ─────────────────────────────────────────────────────────────────────────────────

  enter(topic: string, session: { id: string; identity: { id: string } }): void {
    const key = keyOf(topic, session.id);
    let own = this.own.get(key);
    if (!own || own.state.name === 'left') {
      const user = cutText(session.identity.id, USER_BYTES_MAX);
      own = { topic, session: session.id, user, number: 0, uses: 0, state: { name: 'here' } };
      this.own.set(key, own);
      own.number = this.telling.tell([topic, session.id, user]);
      this.roster.add(topic, session.id, user);
    }
    own.uses++;
    own.state = { name: 'here' };
  }

  /** One subscription less. Whoever lost the connection is away until the next sweep but one, and may come back. */
  leave(topic: string, session: string, lost: boolean): void {
    const own = this.own.get(keyOf(topic, session));
    if (!own || --own.uses > 0) return;
    if (lost) own.state = { name: 'away', sweeps: 0 };
    else this.remove(own);
  }

  /** Called with each beat: takes off those who were away already at the last. */
  sweep(): void {
    for (const own of this.own.values()) {
      if (own.state.name === 'away' && ++own.state.sweeps > 1) this.remove(own);
    }
  }

  /** Tells again what some node has not heard, and forgets those that left once all have. */
  repeat(heardByAll: number): void {
    this.telling.repeat(heardByAll);
    for (const [key, { state, number }] of this.own) {
      if (state.name !== 'left' || number > heardByAll) continue;
      this.own.delete(key);
      this.pruned = Math.max(this.pruned, number);
    }
  }

  private remove(own: Own): void {
    own.state = { name: 'left' };
    own.number = this.telling.tell([own.topic, own.session, null]);
    this.roster.remove(own.topic, own.session);
  }

  private factsAfter(after: number): Fact<PresenceFact>[] {
    const facts: Fact<PresenceFact>[] = [];
    for (const { topic, session, user, number, state } of this.own.values()) {
      if (number > after) facts.push({ number, fact: [topic, session, state.name === 'left' ? null : user] });
    }
    return facts;
  }

  // ── Other nodes' sessions ────────────────────────────────────────────────────────────────────────────────

  /** How far another node was heard. */
  heardOf(node: string): number {
    return this.others.get(node)?.heard ?? 0;
  }

  /**
   * Takes in what another node told, if that continues what was heard. A node keeps the facts that this one has not
   * heard, as long as it knows of it; if it forgot some while it did not, its list has to be heard anew.
   */
  hear(node: string, run: PresenceRun): void {
    const others = this.othersOf(node);
    if (run.pruned > Math.max(others.heard, others.pruned)) others.heard = 0;
    if (others.heard === 0) others.pruned = run.pruned;
    if (!continues(run, others.heard)) return;
    others.heard = run.through;
    // A run from the beginning is the whole list, or how it begins.
    if (run.after === 0) others.round++;
    for (const fact of run.facts) this.take(others, fact);
    if (run.through < run.top || others.completeRound === others.round) return;
    others.completeRound = others.round;
    for (const [key, { round }] of others.facts) if (round < others.round) this.drop(others, key);
  }

  /** The node is gone, and its sessions with it, until they show themselves elsewhere. */
  forget(node: string): void {
    const others = this.others.get(node);
    if (!others) return;
    this.others.delete(node);
    for (const key of others.facts.keys()) this.drop(others, key);
  }

  private othersOf(node: string): Others {
    let others = this.others.get(node);
    if (!others) {
      others = { facts: new Map(), heard: 0, pruned: 0, round: 0, completeRound: 0 };
      this.others.set(node, others);
    }
    return others;
  }

  private take(others: Others, [topic, session, user]: PresenceFact): void {
    const key = keyOf(topic, session);
    const known = others.facts.get(key);
    if (user === null) return this.drop(others, key);
    if (known) {
      known.round = others.round;
      return;
    }
    if (others.facts.size >= FACTS_MAX) return;
    others.facts.set(key, { topic, session, round: others.round });
    this.roster.add(topic, session, user);
  }

  private drop(others: Others, key: string): void {
    const known = others.facts.get(key);
    if (!known) return;
    others.facts.delete(key);
    this.roster.remove(known.topic, known.session);
  }
}

/** Names of topics hold no control characters. */
function keyOf(topic: string, session: string): string {
  return `${topic}\n${session}`;
}
