import { readFileSync } from 'node:fs';
import { setMaxListeners } from 'node:events';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { Budget } from '../doctor/probe/budget.ts';
import type { ProbeConnection } from '../doctor/probe/connection.ts';
import { dial } from '../doctor/probe/handshake.ts';
import { parseCounts } from '../preflight/proc-files.ts';
import type { LoadSettings } from './options.ts';
import {
  emptyMemory,
  HOLDFAST_SUBPROTOCOL,
  HoldfastPeer,
  type Memory,
  type Peer,
  plainPeer,
} from './peer.ts';
import { SourceAddresses } from './source-addresses.ts';
import { Storm } from './storm.ts';
import { type LoadReport, Tally } from './tally.ts';

const TICK_MS = 20;
/** A server that refuses this many in a row, and holds none, is not going to take the rest. */
const FAILED_IN_A_ROW_MAX = 200;
/** After a loss that nobody asked for, a place waits a little, so that a dead server is not hammered. */
const RETURN_MS_MAX = 1_000;
/** Handshakes under way; past that this machine or the server is at its end, and more would only wait. */
const OPENING_MAX = 1_000;
const PORTS_USUAL = 28_232;

/**
 *   empty ──(its turn)──> opening ──> open ──(lost or reset)──> empty
 *
 * `dueAtMs` of an empty place is when its turn may come. Who returns from a storm comes then, whatever the rate.
 */
type Place = { readonly memory: Memory; readonly number: number } & {
  state:
    | { readonly at: 'empty'; readonly dueAtMs: number; readonly fromStorm: boolean }
    | { readonly at: 'opening' }
    | { readonly at: 'open'; readonly peer: Peer; isAsking: boolean };
};

/** Opens, holds, sends, breaks and lets return until the time is over or `signal` is aborted. */
export class LoadRun {
  readonly #settings: LoadSettings;
  readonly #address: string;
  readonly #signal: AbortSignal;
  /** Ends what is still under way when the time is over. */
  readonly #over = new AbortController();
  readonly #opening = new Set<Promise<void>>();
  readonly #tally = new Tally();
  readonly #places: Place[];
  readonly #sources: SourceAddresses;
  readonly #budget: Budget;
  readonly #startedAtMs = performance.now();
  #storm: Storm | null = null;
  #held = 0;
  #handshakesStarted = 0;
  #messagesStarted = 0;
  #nextToAsk = 0;
  readonly #waiting: Place[];

  constructor(settings: LoadSettings, address: string, signal: AbortSignal) {
    const { connections, sources } = settings;
    this.#settings = settings;
    this.#address = address;
    this.#signal = AbortSignal.any([signal, this.#over.signal]);
    setMaxListeners(0, this.#signal);
    this.#places = Array.from({ length: connections }, (_, number) => ({
      number,
      memory: emptyMemory(),
      state: { at: 'empty', dueAtMs: 0, fromStorm: false },
    }));
    this.#waiting = [...this.#places];
    this.#sources = new SourceAddresses(sources, address, portsHere(), connections);
    this.#budget = new Budget({
      connections: Number.POSITIVE_INFINITY,
      concurrentConnections: connections,
      bytes: Number.POSITIVE_INFINITY,
    });
  }

  get progress(): { readonly held: number; readonly roundTrips: number; readonly errors: number } {
    const errors = Object.values(this.#tally.errors).reduce((sum, count) => sum + count, 0);
    return { held: this.#held, roundTrips: this.#messagesStarted, errors };
  }

  async perform(): Promise<LoadReport> {
    const lag = monitorEventLoopDelay({ resolution: 10 });
    lag.enable();
    const { durationMs, storm } = this.#settings;
    while (!this.#signal.aborted && !this.#isHopeless()) {
      const nowMs = performance.now();
      const ageMs = nowMs - this.#startedAtMs;
      if (ageMs >= durationMs) break;
      if (storm && this.#storm === null && ageMs >= durationMs / 2) this.#breakAll(nowMs);
      this.#openWhatIsDue(nowMs, ageMs);
      this.#askWhatIsDue(ageMs);
      await pause(Math.min(TICK_MS, durationMs - ageMs), undefined, { signal: this.#signal }).catch(() => {});
    }
    lag.disable();
    const heldAtEnd = this.#held;
    const tookMs = performance.now() - this.#startedAtMs;
    if (this.#tally.heldMax === 0) {
      for (const _ of this.#opening) this.#tally.noteError('handshake: not answered before the end');
    }
    this.#over.abort();
    await Promise.all(this.#opening);
    this.#closeAll();
    return this.#report(tookMs, heldAtEnd, lag.max / 1e6);
  }

  #isHopeless(): boolean {
    const enough = Math.min(FAILED_IN_A_ROW_MAX, this.#settings.connections * 2);
    return this.#held === 0 && this.#tally.failedInARow >= enough;
  }

  /** As many as the rate allows since the start; a pause is not caught up with in a burst. */
  #openWhatIsDue(nowMs: number, ageMs: number): void {
    const { handshakesPerSecond } = this.#settings;
    const perTick = Math.ceil((handshakesPerSecond * TICK_MS * 2) / 1_000);
    const allowed = Math.ceil((handshakesPerSecond * ageMs) / 1_000);
    let starts = Math.min(perTick, allowed - this.#handshakesStarted, OPENING_MAX - this.#opening.size);
    // In place, because to take each from the front would move all the others each time.
    let kept = 0;
    for (const place of this.#waiting) {
      const { state } = place;
      const isDue = state.at === 'empty' && state.dueAtMs <= nowMs;
      const returns = state.at === 'empty' && state.fromStorm;
      if (isDue && (returns || starts > 0)) {
        if (!returns) {
          starts -= 1;
          this.#handshakesStarted += 1;
        }
        this.#start(place);
      } else this.#waiting[kept++] = place;
    }
    this.#waiting.length = kept;
    this.#handshakesStarted = Math.max(this.#handshakesStarted, allowed - perTick);
  }

  #start(place: Place): void {
    const opening = this.#open(place).finally(() => this.#opening.delete(opening));
    this.#opening.add(opening);
  }

  async #open(place: Place): Promise<void> {
    const { target, headers, subprotocols, holdfast, timeoutMs } = this.#settings;
    const localAddress = this.#sources.take();
    place.state = { at: 'opening' };
    const dialled = await dial(target, {
      address: this.#address,
      localAddress,
      budget: this.#budget,
      origin: target.origin,
      headers,
      subprotocols: holdfast ? [HOLDFAST_SUBPROTOCOL, ...subprotocols] : subprotocols,
      timeoutMs,
      answerTimeoutMs: timeoutMs,
      signal: this.#signal,
    });
    const { connection, outcome } = dialled;
    if (connection === null) {
      if (!this.#signal.aborted) this.#tally.noteRefused(outcome);
      if (outcome.kind === 'no-line' && outcome.code === 'EADDRNOTAVAIL') {
        this.#sources.noteExhausted(localAddress);
      }
      this.#sources.giveBack(localAddress);
      return this.#empty(place);
    }
    const peer = await this.#join(connection, place.memory, dialled.ms);
    if (peer === null) {
      connection.drop();
      this.#sources.giveBack(localAddress);
      return this.#empty(place);
    }
    this.#hold(place, peer, localAddress);
  }

  async #join(connection: ProbeConnection, memory: Memory, handshakeMs: number): Promise<Peer | null> {
    const startedAtMs = performance.now();
    if (!this.#settings.holdfast) {
      this.#tally.noteOpened(handshakeMs);
      return plainPeer(connection, this.#settings);
    }
    const peer = new HoldfastPeer(connection, this.#settings, memory);
    peer.onRefused = (what) => this.#tally.noteError(what);
    const drop = () => connection.drop();
    this.#signal.addEventListener('abort', drop);
    const isWelcome = await peer.welcomed;
    this.#signal.removeEventListener('abort', drop);
    if (isWelcome) {
      // A client of Holdfast is connected once it has the welcome.
      this.#tally.noteOpened(handshakeMs + performance.now() - startedAtMs);
      if (peer.resumed) this.#tally.resumed += 1;
      return peer;
    }
    if (!this.#signal.aborted) {
      this.#tally.failedInARow += 1;
      if (connection.ending) this.#tally.noteLost(connection.ending);
      else this.#tally.noteError('handshake: no welcome came');
    }
    return null;
  }

  #hold(place: Place, peer: Peer, localAddress: string | undefined): void {
    place.state = { at: 'open', peer, isAsking: false };
    this.#held += 1;
    this.#tally.heldMax = Math.max(this.#tally.heldMax, this.#held);
    this.#storm?.noteBack(place.number, performance.now());
    void peer.connection.ended.then((ending) => {
      this.#held -= 1;
      this.#sources.giveBack(localAddress);
      if (peer instanceof HoldfastPeer) this.#tally.deliveries += peer.deliveries;
      if (ending.how === 'local') return;
      this.#tally.noteLost(ending);
      this.#wait(place, performance.now() + Math.random() * RETURN_MS_MAX);
    });
  }

  #empty(place: Place): void {
    this.#wait(place, performance.now() + Math.random() * RETURN_MS_MAX);
  }

  #wait(place: Place, dueAtMs: number, fromStorm = false): void {
    place.state = { at: 'empty', dueAtMs, fromStorm };
    this.#waiting.push(place);
  }

  /** In turn, over those that are open and have no answer outstanding. */
  #askWhatIsDue(ageMs: number): void {
    const { messagesPerSecond } = this.#settings;
    const perTick = Math.ceil((messagesPerSecond * TICK_MS * 2) / 1_000);
    const allowed = Math.floor((messagesPerSecond * ageMs) / 1_000);
    let asks = Math.min(perTick, allowed - this.#messagesStarted);
    for (let looked = 0; looked < this.#places.length && asks > 0; looked += 1) {
      const place = this.#places[this.#nextToAsk % this.#places.length]!;
      this.#nextToAsk += 1;
      if (place.state.at !== 'open' || place.state.isAsking) continue;
      asks -= 1;
      this.#messagesStarted += 1;
      void this.#ask(place.state);
    }
    this.#messagesStarted = Math.max(this.#messagesStarted, allowed - perTick);
  }

  async #ask(open: Extract<Place['state'], { at: 'open' }>): Promise<void> {
    const { connection } = open.peer;
    open.isAsking = true;
    const answer = await open.peer.roundTrip();
    open.isAsking = false;
    if (typeof answer === 'number') this.#tally.roundTrips.record(answer);
    else if (answer === null && connection.ending === null) this.#tally.noteError('no answer in time');
  }

  #breakAll(nowMs: number): void {
    const { spreadMs } = this.#settings;
    const open = this.#places.filter(({ state }) => state.at === 'open');
    this.#storm = new Storm(
      open.map(({ number }) => number),
      nowMs,
    );
    for (const place of open) {
      if (place.state.at !== 'open') continue;
      place.state.peer.connection.reset();
      this.#wait(place, nowMs + Math.random() * spreadMs, true);
    }
  }

  #closeAll(): void {
    for (const { state } of this.#places) if (state.at === 'open') state.peer.connection.drop();
  }

  #report(durationMs: number, heldAtEnd: number, ownLagMs: number): LoadReport {
    const tally = this.#tally;
    return {
      schema: 1,
      url: this.#settings.target.url,
      durationMs: Math.round(durationMs),
      wanted: this.#settings.connections,
      heldMax: tally.heldMax,
      heldAtEnd,
      handshakes: tally.handshakes.summary(),
      roundTrips: tally.roundTrips.summary(),
      sourceAddresses: this.#sources.count,
      storm: this.#storm?.summary() ?? null,
      resumed: tally.resumed,
      deliveries: this.#deliveries(),
      errors: tally.errors,
      ownLagMs: Math.round(ownLagMs),
    };
  }

  #deliveries(): number {
    return this.#places.reduce(
      (sum, { state }) =>
        sum + (state.at === 'open' && state.peer instanceof HoldfastPeer ? state.peer.deliveries : 0),
      this.#tally.deliveries,
    );
  }
}

/** How many ports one address of this machine has towards one server (ip(7)). */
function portsHere(): number {
  try {
    const text = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
    const [first = 0, last = 0] = parseCounts(text);
    return Math.max(1, last - first + 1);
  } catch {
    return PORTS_USUAL;
  }
}
