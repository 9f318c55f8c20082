import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { ms, ok, problem, REFUSED_AGAIN, type Step } from './step.ts';

const INTERVAL_MS = 50;
/** Linux resends after 200 ms at the earliest, so a lost packet shows as a pause of about that. */
const STALL_MS = 150;

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
    const pings: Promise<{ atMs: number; rttMs: number | null }>[] = [];
    while (!connection.ending && performance.now() - startedAtMs < windowMs) {
      const atMs = performance.now();
      pings.push(connection.ping(timeoutMs).then((rttMs) => ({ atMs, rttMs })));
      await pause(INTERVAL_MS, undefined, { signal: way.signal });
    }
    const answers = await Promise.all(pings);
    lag.disable();
    const { ending } = connection;
    await connection.close();
    const answered = answers.flatMap(({ atMs, rttMs }) => (rttMs === null ? [] : [{ atMs, rttMs }]));
    const measured = {
      windowMs,
      sent: answers.length,
      stallMs: STALL_MS,
      ownLagMs: lag.max / 1e6,
      ending,
      ...summarise(answered),
    };
    way.measured.roundTrips = measured;
    const told = `median ${ms(measured.medianMs)}, jitter ${ms(measured.jitterMs)}, ${measured.stalls} stalls`;
    return ending || measured.stalls > 0 ? problem(told) : ok(told);
  },
};

/** Figures over pings in the order in which they were sent. */
export function summarise(answers: readonly { readonly atMs: number; readonly rttMs: number }[]) {
  const sorted = answers.map(({ rttMs }) => rttMs).toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const medianMs = at(0.5);
  const steps = answers.slice(1).map(({ rttMs }, i) => Math.abs(rttMs - (answers[i]?.rttMs ?? rttMs)));
  const jitterMs = steps.length === 0 ? 0 : steps.reduce((sum, step) => sum + step, 0) / steps.length;
  // Pings behind a lost packet all wait for it, so neighbours that arrive together are one stall.
  let stalls = 0;
  let lastArrivalMs = Number.NEGATIVE_INFINITY;
  for (const { atMs, rttMs } of answers) {
    if (rttMs <= medianMs + STALL_MS) continue;
    const arrivalMs = atMs + rttMs;
    if (arrivalMs - lastArrivalMs > INTERVAL_MS) stalls += 1;
    lastArrivalMs = arrivalMs;
  }
  return { answered: answers.length, medianMs, p95Ms: at(0.95), maxMs: at(1), jitterMs, stalls };
}
