import { Pacer } from '../../packages/holdfast/src/server/admission/pacer.ts';
import { seededRandom } from '../../packages/holdfast/src/testing/seeded-random.ts';
import type { Algorithm, Waiting } from './algorithms.ts';

export interface StormConfig {
  readonly clients: number;
  /** From the crash, which everybody notices at once, until servers take connections again. */
  readonly downMs: number;
  /** What they take in a second; those beyond it wait in line. */
  readonly handshakesPerSecond: number;
  /** Where the run ends, if not everybody is back before. */
  readonly endMs: number;
  readonly seed: number;
}

export interface Outcome {
  readonly algorithm: Algorithm;
  /** Attempts that reached the servers, by `BIN_MS` since they are back. */
  readonly arrivals: Uint32Array;
  /** Connections that were made, likewise. */
  readonly back: Uint32Array;
  readonly attempts: number;
  readonly timedOut: number;
  /** Clients that stopped trying. */
  readonly gaveUp: number;
}

export const BIN_MS = 250;
const TICK_MS = 10;

/** How often a client may stand in line, counting those times that it gave up. */
const LINE_PLACES = 4;

const WAITING = 0;
const IN_LINE = 1;
const CONNECTED = 2;
const GONE = 3;

/**
 * One crash, in virtual time: ticks of 10 ms, each with a list of the clients whose time it is. A handshake costs
 * the same for everybody, and in favour of those who dial too often, an attempt that its client has given up, or
 * that is answered with a slot, costs the servers nothing.
 */
export function runStorm(algorithm: Algorithm, config: StormConfig): Outcome {
  return new Storm(algorithm, config).run();
}

class Storm {
  private readonly random: () => number;
  private readonly pacer: Pacer;
  private readonly state: Uint8Array;
  private readonly failed: Uint16Array;
  private readonly own: Float32Array;
  /** When it came to stand in line. */
  private readonly since: Int32Array;
  /** The lists of the ticks: the first client of each, and behind each client the next. */
  private readonly first: Int32Array;
  private readonly next: Int32Array;
  /** Who stands in line, and since when; a ring, in which those who gave up stay until it is their turn. */
  private readonly line: Int32Array;
  private readonly lineSince: Int32Array;
  private lineHead = 0;
  private lineTail = 0;
  private readonly outcome: { -readonly [K in keyof Outcome]: Outcome[K] };
  private readonly algorithm: Algorithm;
  private readonly config: StormConfig;
  private unsettled: number;

  constructor(algorithm: Algorithm, config: StormConfig) {
    const { clients, endMs, downMs, seed, handshakesPerSecond } = config;
    this.algorithm = algorithm;
    this.config = config;
    this.random = seededRandom(seed);
    this.pacer = new Pacer(handshakesPerSecond, downMs, this.random);
    this.unsettled = clients;
    this.state = new Uint8Array(clients);
    this.failed = new Uint16Array(clients);
    this.own = new Float32Array(clients).map(() => this.random());
    this.since = new Int32Array(clients);
    this.first = new Int32Array(endMs / TICK_MS).fill(-1);
    this.next = new Int32Array(clients).fill(-1);
    this.line = new Int32Array(clients * LINE_PLACES);
    this.lineSince = new Int32Array(clients * LINE_PLACES);
    const bins = Math.ceil((endMs - downMs) / BIN_MS);
    this.outcome = {
      algorithm,
      arrivals: new Uint32Array(bins),
      back: new Uint32Array(bins),
      attempts: 0,
      timedOut: 0,
      gaveUp: 0,
    };
  }

  run(): Outcome {
    for (let client = 0; client < this.config.clients; client++) this.scheduleAttempt(client, 0);
    const perTick = (this.config.handshakesPerSecond * TICK_MS) / 1_000;
    let capacity = 0;
    for (let tick = 0; tick < this.first.length && this.unsettled > 0; tick++) {
      for (let client = this.first[tick]!; client >= 0;) {
        const following = this.next[client]!;
        this.handleTime(client, tick);
        client = following;
      }
      if (!this.isUp(tick)) continue;
      // What was not used is lost; what is less than one handshake is kept.
      capacity = Math.min(capacity + perTick, Math.max(perTick, 1));
      while (capacity >= 1 && this.serveNext(tick)) capacity--;
    }
    return this.outcome;
  }

  private isUp(tick: number): boolean {
    return tick * TICK_MS >= this.config.downMs;
  }

  private handleTime(client: number, tick: number): void {
    const state = this.state[client];
    if (state === WAITING) this.attempt(client, tick);
    else if (state === IN_LINE) {
      this.outcome.timedOut++;
      this.fail(client, tick);
    }
  }

  private attempt(client: number, tick: number): void {
    if (!this.isUp(tick)) return this.fail(client, tick);
    const { algorithm, outcome, config } = this;
    outcome.attempts++;
    outcome.arrivals[Math.floor((tick * TICK_MS - config.downMs) / BIN_MS)]!++;
    if (algorithm.hasSlots && !this.pacer.admit(tick * TICK_MS)) {
      return this.schedule(client, tick, this.pacer.book(tick * TICK_MS));
    }
    this.state[client] = IN_LINE;
    this.since[client] = tick;
    this.standInLine(client, tick);
    if (algorithm.connectTimeoutMs < Infinity) this.schedule(client, tick, algorithm.connectTimeoutMs);
  }

  private fail(client: number, tick: number): void {
    this.state[client] = WAITING;
    this.failed[client]!++;
    this.scheduleAttempt(client, tick);
  }

  private scheduleAttempt(client: number, tick: number): void {
    const waiting: Waiting = {
      failed: this.failed[client]!,
      downMs: tick * TICK_MS,
      own: this.own[client]!,
    };
    const waitMs = this.algorithm.waitMs(waiting, this.random);
    if (waitMs !== undefined) return this.schedule(client, tick, waitMs);
    this.state[client] = GONE;
    this.unsettled--;
    this.outcome.gaveUp++;
  }

  private schedule(client: number, tick: number, waitMs: number): void {
    const due = Math.max(tick + 1, Math.ceil((tick * TICK_MS + waitMs) / TICK_MS));
    if (due >= this.first.length) return;
    this.next[client] = this.first[due]!;
    this.first[due] = client;
  }

  private standInLine(client: number, tick: number): void {
    const at = this.lineTail++ % this.line.length;
    if (this.lineTail - this.lineHead > this.line.length)
      throw new Error('The line is longer than its ring.');
    this.line[at] = client;
    this.lineSince[at] = tick;
  }

  /** Takes the next in line; false when nobody stands there. */
  private serveNext(tick: number): boolean {
    while (this.lineHead < this.lineTail) {
      const at = this.lineHead++ % this.line.length;
      const client = this.line[at]!;
      // Somebody who has given up, and may stand further back by now.
      if (this.state[client] !== IN_LINE || this.since[client] !== this.lineSince[at]) continue;
      this.state[client] = CONNECTED;
      this.unsettled--;
      this.outcome.back[Math.floor((tick * TICK_MS - this.config.downMs) / BIN_MS)]!++;
      return true;
    }
    return false;
  }
}

/** The most that arrived in one bin, as a share of all clients. */
export function peakShare({ arrivals }: Outcome, { clients }: StormConfig): number {
  return arrivals.reduce((most, count) => Math.max(most, count), 0) / clients;
}

/** When this share of all clients was back, since the servers were; Infinity when they never were. */
export function backWithinMs({ back }: Outcome, { clients }: StormConfig, share: number): number {
  let sum = 0;
  for (const [bin, count] of back.entries()) {
    sum += count;
    if (sum >= clients * share) return (bin + 1) * BIN_MS;
  }
  return Infinity;
}
