import type { WireRecord } from '../protocol/schema.ts';
import { HeartbeatInterval } from './heartbeat-interval.ts';
import { RoundTrip } from './round-trip.ts';

/** Until the connection in use is probed, until it is suspect, and until it is given up. */
export type LivenessDeadline = 'silence' | 'answer' | 'death';

/** Their part of a table of deadlines. */
interface LivenessDeadlines {
  get(name: LivenessDeadline): number | undefined;
  set(name: LivenessDeadline, atMs: number): unknown;
  delete(name: LivenessDeadline): unknown;
}

/** A probe accompanies messages that want an answer at most this often (SPEC LIVE-3). */
const PROBE_SPACING_MS = 1_000;

/** What the connection in use has to say within which time, and what proves that it is alive. */
export class Liveness {
  readonly roundTrip = new RoundTrip();
  /** Of the path that the connection takes. */
  interval = new HeartbeatInterval(false);
  /** Of the path that the connection before it took. */
  formerInterval = this.interval;
  /** How often the server shows itself unless it was asked for another interval. */
  #welcomedMs = 25_000;
  graceMs = 20_000;
  /** When the probe that waits for its answer went out first. */
  #askedAtMs: number | undefined;
  /** The number of the last probe. */
  #asked = 0;
  #lastProbeMs = -Infinity;
  #bufferedBytes = 0;
  readonly #deadlines: LivenessDeadlines;

  constructor(deadlines: LivenessDeadlines) {
    this.#deadlines = deadlines;
  }

  /** Another connection is in use, welcomed `rttMs` after its hello: what the last one owed is void. */
  restart(interval: HeartbeatInterval, rttMs: number, { heartbeatMs, graceMs }: WireRecord<'welcome'>): void {
    this.formerInterval = this.interval;
    this.interval = interval;
    this.roundTrip.sample(rttMs);
    this.#welcomedMs = heartbeatMs;
    this.graceMs = graceMs;
    this.#askedAtMs = undefined;
  }

  /** How often the server shows itself. */
  get heartbeatMs(): number {
    return this.interval.ms ?? this.#welcomedMs;
  }

  /** It may be silent for an interval and a round trip from now on; no longer than the grace while a probe waits. */
  expect(nowMs: number): void {
    const silenceAtMs = nowMs + this.heartbeatMs + this.roundTrip.timeoutMs;
    this.#deadlines.set('silence', Math.min(silenceAtMs, this.#overdueAtMs));
  }

  /**
   * A message came; says whether it proves the way to the server alive, too (SPEC LIVE-1, LIVE-4): a mere heartbeat
   * does not while a probe waits, and nothing but the answer does when it has waited for the grace.
   */
  heard(isHeartbeat: boolean, nowMs: number): boolean {
    if (nowMs >= this.#overdueAtMs || (isHeartbeat && this.#askedAtMs !== undefined)) return false;
    this.#deadlines.delete('answer');
    this.#deadlines.delete('death');
    this.expect(nowMs);
    return true;
  }

  get #overdueAtMs(): number {
    return (this.#askedAtMs ?? Infinity) + this.graceMs;
  }

  /** Asks for a sign of life. */
  probe(pending: WireRecord[], nowMs: number): void {
    this.#lastProbeMs = nowMs;
    if (this.#askedAtMs === undefined) {
      this.#askedAtMs = nowMs;
      this.#asked++;
    }
    pending.push({ type: 'ping', id: this.#asked, tops: [] });
    if (this.#deadlines.get('answer') !== undefined) return;
    this.#deadlines.set('answer', nowMs + this.roundTrip.timeoutMs);
    // What is unsent at the first look may be on its way: only the second can tell (SPEC LIVE-1).
    this.#bufferedBytes = Infinity;
  }

  /** Asks along with a message that wants an answer, or a little later (SPEC LIVE-3). */
  probeAlong(pending: WireRecord[], nowMs: number): void {
    const nextMs = this.#lastProbeMs + PROBE_SPACING_MS;
    if (nowMs >= nextMs) return this.probe(pending, nowMs);
    // What is heard until then moves it away again.
    if ((this.#deadlines.get('silence') ?? 0) > nextMs) this.#deadlines.set('silence', nextMs);
  }

  /** The answer to a probe: gives its round trip, unless it was asked for by nobody. */
  answered(id: number, nowMs: number): number | undefined {
    if (this.#askedAtMs === undefined || id !== this.#asked) return undefined;
    const rttMs = nowMs - this.#askedAtMs;
    this.roundTrip.sample(rttMs);
    this.#askedAtMs = undefined;
    return rttMs;
  }

  /** No answer came in time; says whether that makes it suspect. Has it taken bytes of ours since, it gets as long again. */
  isOverdue(bufferedBytes: number, nowMs: number): boolean {
    const isSlow = bufferedBytes > 0 && bufferedBytes < this.#bufferedBytes;
    this.#bufferedBytes = bufferedBytes;
    if (isSlow) this.#deadlines.set('answer', nowMs + this.roundTrip.timeoutMs);
    return !isSlow;
  }

  /** It is suspect: it has until the end of the grace to prove itself alive. */
  doubt(nowMs: number): void {
    this.#deadlines.delete('silence');
    // Of several doubts the first counts.
    this.#deadlines.set('death', this.#deadlines.get('death') ?? nowMs + this.graceMs);
  }
}
