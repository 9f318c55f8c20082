import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { ms, ok, problem, REFUSED_AGAIN, type Step } from './step.ts';

/** One ping at a time: behind a second packet a loss is mended within a round trip and hides. */
const PAUSE_MS = 20;
/** A lone packet that was lost is sent again after 200 ms at the earliest (Linux, TCP_RTO_MIN). */
const STALL_MS = 150;
/** An answer that came while this process was that busy itself says nothing about the line. */
const OWN_LAG_MS_MAX = 50;
const DISCARDED_SHARE_MAX = 0.25;

export const roundTrips: Step = {
  name: 'round-trips',
  title: 'Round trips',
  async run(way) {
    const connection = await way.open('round-trips');
    if (!connection) return problem(REFUSED_AGAIN);
    const { roundTripWindowMs: windowMs, timeoutMs } = way.settings;
    const lag = monitorEventLoopDelay({ resolution: 10 });
    lag.enable();
    const startedAtMs = performance.now();
    const rttsMs: number[] = [];
    let sent = 0;
    let discarded = 0;
    const pingUntil = async (endMs: number) => {
      while (!connection.ending && performance.now() < endMs) {
        sent += 1;
        lag.reset();
        const rttMs = await connection.ping(timeoutMs);
        if (lag.max / 1e6 > OWN_LAG_MS_MAX) discarded += 1;
        else if (rttMs !== null) rttsMs.push(rttMs);
        await pause(PAUSE_MS, undefined, { signal: way.signal });
      }
    };
    await pingUntil(startedAtMs + windowMs);
    // One stall can be chance, and too few answers show none: look as long again before anything is said.
    const isThin = discarded > sent * DISCARDED_SHARE_MAX;
    if (isThin || summarise(rttsMs).stalls > 0) await pingUntil(startedAtMs + windowMs * 2);
    lag.disable();
    const { ending } = connection;
    await connection.close();
    const measured = {
      windowMs: Math.round(performance.now() - startedAtMs),
      sent,
      stallMs: STALL_MS,
      discarded,
      ending,
      ...summarise(rttsMs),
    };
    way.measured.roundTrips = measured;
    const told = `median ${ms(measured.medianMs)}, jitter ${ms(measured.jitterMs)}, ${measured.stalls} stalls`;
    return ending || measured.stalls > 0 ? problem(told) : ok(told);
  },
};

/** Figures over round trips in the order in which they were made. */
export function summarise(rttsMs: readonly number[]) {
  const sorted = rttsMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const steps = rttsMs.slice(1).map((rttMs, i) => Math.abs(rttMs - (rttsMs[i] ?? rttMs)));
  const jitterMs = steps.length === 0 ? 0 : steps.reduce((sum, step) => sum + step, 0) / steps.length;
  // On a bad line most answers are late, so the median is no measure of what the way can do.
  const stalls = rttsMs.filter((rttMs) => rttMs > at(0.1) + STALL_MS).length;
  const figures = { medianMs: at(0.5), p95Ms: at(0.95), maxMs: at(1), jitterMs };
  return { answered: rttsMs.length, ...figures, stalls };
}
