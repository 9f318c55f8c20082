import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { diagnose } from '../../packages/cli/src/doctor/diagnose.ts';
import type { Depth, DiagnoseOptions } from '../../packages/cli/src/doctor/options.ts';
import type { Report } from '../../packages/cli/src/doctor/report/report.ts';
import type { Hop, VerdictId } from '../../packages/cli/src/doctor/verdict/verdict-id.ts';
import { requirePeer } from '../peers.ts';

/** A deployment of the zoo while it stands. */
export interface Animal extends Pick<DiagnoseOptions, 'url' | 'direct' | 'ca' | 'proxy' | 'onProgress'> {
  stop(): Promise<void>;
}

export interface ZooCase {
  readonly title: string;
  /** Programs that must be installed. */
  readonly needs?: readonly string[];
  start(): Promise<Animal>;
  readonly id: VerdictId;
  readonly hop: Hop;
  /** The true idle limit or lifetime. */
  readonly limitMs?: number;
  readonly options?: Partial<DiagnoseOptions>;
  readonly depths?: readonly Depth[];
  /** Further things that must hold. */
  readonly check?: (report: Report) => void;
}

/** Most of a run is waiting, so that many fit on two cores. */
const RUNS_AT_ONCE = 12;
const TICK_MS = 20;
const LATE_MS_MAX = 10;
const TICKS_ON_TIME = 5;
const QUIET_MS_MAX = 5_000;
const RUN_MS_MAX = 90_000;
const FILE_MS_MAX = 600_000;

interface Job {
  readonly zooCase: ZooCase;
  readonly depth: Depth;
  readonly promise: Promise<Report>;
  begin(): Promise<void>;
}

export interface ZooGroup {
  readonly name: string;
  readonly cases: readonly ZooCase[];
}

/** Runs every case of every group at both depths, many at once, and checks each verdict in a test of its own. */
export function zoo(groups: readonly ZooGroup[]): void {
  const jobs: Job[] = [];
  const stop = new AbortController();
  for (const { name, cases } of groups) {
    describe(name, () => {
      for (const zooCase of cases) jobs.push(...addTests(zooCase, stop.signal));
    });
  }
  let all: Promise<unknown> = Promise.resolve();
  beforeAll(() => {
    const waiting = [...jobs];
    const worker = async () => {
      for (let job = waiting.shift(); job && !stop.signal.aborted; job = waiting.shift()) {
        await quiet();
        await job.begin();
      }
    };
    all = Promise.all(Array.from({ length: RUNS_AT_ONCE }, worker));
  });
  afterAll(async () => {
    stop.abort();
    await all;
  });
}

/**
 * Waits until timers are on time again, for a while: the doctor measures time, and a machine that is still busy
 * with the starts of other programs would be what it measures.
 */
async function quiet(): Promise<void> {
  const untilMs = performance.now() + QUIET_MS_MAX;
  for (let onTime = 0; onTime < TICKS_ON_TIME && performance.now() < untilMs;) {
    const startedAtMs = performance.now();
    await pause(TICK_MS);
    onTime = performance.now() - startedAtMs - TICK_MS < LATE_MS_MAX ? onTime + 1 : 0;
  }
}

function addTests(zooCase: ZooCase, signal: AbortSignal): readonly Job[] {
  const stands = requirePeer(...(zooCase.needs ?? []));
  return (zooCase.depths ?? (['quick', 'deep'] as const)).flatMap((depth) => {
    const title = `${zooCase.title} (${depth}): ${zooCase.id}`;
    if (!stands) {
      it.skip(title);
      return [];
    }
    const job = createJob(zooCase, depth, signal);
    it(title, async () => judge(zooCase, await job.promise), FILE_MS_MAX);
    return [job];
  });
}

function createJob(zooCase: ZooCase, depth: Depth, signal: AbortSignal): Job {
  let settle!: (report: Promise<Report>) => void;
  const promise = new Promise<Report>((resolve) => (settle = resolve));
  promise.catch(() => {});
  return {
    zooCase,
    depth,
    promise,
    begin: async () => {
      const report = examine(zooCase, depth, signal);
      settle(report);
      await report.catch(() => {});
    },
  };
}

async function examine(zooCase: ZooCase, depth: Depth, signal: AbortSignal): Promise<Report> {
  const animal = await zooCase.start();
  const { url, direct, ca, proxy, onProgress } = animal;
  try {
    return await diagnose({
      url,
      direct,
      ca,
      proxy,
      onProgress,
      depth,
      send: 'holdfast',
      // Everything in the zoo is shorter than in life.
      idleMaxMs: depth === 'quick' ? 4_000 : 5_000,
      timeoutMs: 6_000,
      signal: AbortSignal.any([signal, AbortSignal.timeout(RUN_MS_MAX)]),
      ...zooCase.options,
    });
  } finally {
    await animal.stop();
  }
}

function judge(zooCase: ZooCase, report: Report): void {
  const { verdict, sent, plan } = report;
  const seen = `${verdict.confidence}: ${verdict.evidence.join(' ')}\n${report.steps
    .map((step) => `${step.way} ${step.name} ${step.status} ${step.summary}`)
    .join('\n')}`;
  expect(`${verdict.id} by ${verdict.hop}`, seen).toBe(`${zooCase.id} by ${zooCase.hop}`);
  if (zooCase.limitMs !== undefined) {
    const tolerance = Math.max(1_000, zooCase.limitMs / 10);
    expect(Math.abs((verdict.limitMs ?? 0) - zooCase.limitMs), seen).toBeLessThanOrEqual(tolerance);
  }
  expect(sent.connections).toBeLessThanOrEqual(plan.connections);
  expect(sent.bytes).toBeLessThanOrEqual(plan.bytes);
  zooCase.check?.(report);
}

/** Stops what was started last first. */
export function stopping(...parts: readonly { stop(): Promise<void> }[]): () => Promise<void> {
  return async () => {
    for (const part of parts.toReversed()) await part.stop();
  };
}
