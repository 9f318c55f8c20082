import { setTimeout as pause } from 'node:timers/promises';
import { type ActivityPlan, runActivity } from '../idle/activity.ts';
import { Ladder, type LadderResult, type TrialOutcome } from '../idle/ladder.ts';
import { runTrial } from '../idle/trial.ts';
import type { Activity, ActivityKind, IdleMeasured, Trial } from '../measurements.ts';
import type { Way } from '../way.ts';
import { ok, problem, seconds, type Step } from './step.ts';

/** Connections start apart, so that what happens at one moment differs from what happens at one age. */
const STAGGER_MS = 60;
const BUSY_BEATS = 40;
const BUSY_INTERVAL_MS_MIN = 200;
const BUSY_INTERVAL_MS_MAX = 5_000;
/** Activities outlive the limit by this much. */
const OUTLIVE_RATIO = 1.25;
const OUTLIVE_MS = 700;

export const idle: Step = {
  name: 'idle',
  title: 'Silence',
  async run(way, tell) {
    const measured = await measureIdle(way, tell);
    way.measured.idle = measured;
    const { result } = measured;
    const busyDied = measured.busy?.ending ? ', and a busy connection ended too' : '';
    switch (result.kind) {
      case 'none':
        return (busyDied === '' ? ok : problem)(
          `${seconds(result.longestLivedMs)} of silence survive${busyDied}`,
        );
      case 'limit':
        return problem(`silent connections end after ${seconds(result.limitMs)}${busyDied}`);
      case 'inconsistent':
        return problem('some silent connections end, others of the same age do not');
      case 'not-tested':
        return problem('no connection could be opened');
    }
  },
};

async function measureIdle(way: Way, tell: (text: string) => void): Promise<IdleMeasured> {
  const ladder = new Ladder(way.settings.idleMaxMs);
  const trials: Trial[] = [];
  const over = new AbortController();
  const busy = handled(keepBusy(way, over.signal));
  let activities: Promise<readonly Activity[]> | null = null;
  let result: LadderResult | null = null;
  const running = new Set<Promise<void>>();
  while (result === null) {
    for (const gapMs of ladder.takeGaps()) {
      const trial = handled(
        runTrial(way, gapMs, () => ladder.isPointless(gapMs)).then((finished) => {
          running.delete(trial);
          trials.push(finished);
          ladder.handle(gapMs, outcomeOf(finished));
          tell(progressOf(ladder));
        }),
      );
      running.add(trial);
      await pause(STAGGER_MS, undefined, { signal: way.signal });
    }
    // What counts as activity is tried beside the bisection: both take about as long as the limit.
    if (ladder.shortestDeadMs < Number.POSITIVE_INFINITY) activities ??= handled(runActivities(way, ladder));
    result = ladder.result();
    if (result === null && running.size > 0) await Promise.race(running);
  }
  await Promise.all(running);
  const tried = (await activities) ?? [];
  over.abort();
  const { idleMaxMs } = way.settings;
  const sorted = trials.toSorted((a, b) => a.gapMs - b.gapMs);
  return { idleMaxMs, result, trials: sorted, activities: tried, ...(await busy) };
}

/** A failure of what runs beside is met where it is awaited, perhaps later than it happens. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

function outcomeOf(trial: Trial): TrialOutcome {
  switch (trial.outcome) {
    case 'lived':
      return { kind: 'lived' };
    case 'died':
      return { kind: 'died', silentMs: trial.silentMs, noticed: trial.noticed ?? 'probe' };
    case 'cancelled':
      return { kind: 'cancelled' };
    case 'not-opened':
      return { kind: 'void' };
  }
}

function runActivities(way: Way, ladder: Ladder): Promise<readonly Activity[]> {
  const { longestLivedMs, shortestDeadMs } = ladder;
  const plan: ActivityPlan = {
    intervalMs: Math.round(Math.max(longestLivedMs, shortestDeadMs * 0.6) * 0.45),
    wantedMs: Math.round(shortestDeadMs * OUTLIVE_RATIO + OUTLIVE_MS),
  };
  const kinds: readonly ActivityKind[] = ['silent', 'ping', 'pong', 'tcp-keepalive'];
  const withData: readonly ActivityKind[] = way.settings.send === null ? kinds : [...kinds, 'data'];
  return Promise.all(withData.map((kind) => runActivity(way, kind, plan)));
}

/** A connection that is never silent: what ends it is no idle limit. */
async function keepBusy(
  way: Way,
  over: AbortSignal,
): Promise<Pick<IdleMeasured, 'busy' | 'serverSpeaksEveryMs'>> {
  const { idleMaxMs, timeoutMs } = way.settings;
  const intervalMs = Math.min(BUSY_INTERVAL_MS_MAX, Math.max(BUSY_INTERVAL_MS_MIN, idleMaxMs / BUSY_BEATS));
  const connection = await way.open('idle');
  if (!connection) return { busy: null, serverSpeaksEveryMs: null };
  const signal = AbortSignal.any([over, way.signal]);
  while (!connection.ending && !signal.aborted) {
    void connection.ping(timeoutMs);
    await Promise.race([connection.ended, pause(intervalMs, undefined, { signal }).catch(() => {})]);
  }
  const { openedAtMs, endedAtMs, ending } = connection;
  if (!ending) await connection.close();
  return {
    busy: { intervalMs, openedAtMs, endedAtMs, ending },
    serverSpeaksEveryMs: shortestPause(connection.unaskedAtMs),
  };
}

function shortestPause(atMs: readonly number[]): number | null {
  const pauses = atMs.slice(1).map((at, i) => at - (atMs[i] ?? at));
  return pauses.length === 0 ? null : Math.round(Math.min(...pauses));
}

function progressOf(ladder: Ladder): string {
  const { longestLivedMs, shortestDeadMs } = ladder;
  const dead = shortestDeadMs === Number.POSITIVE_INFINITY ? '' : `, ${seconds(shortestDeadMs)} killed`;
  return `${seconds(longestLivedMs)} of silence survived${dead}`;
}
