import { setMaxListeners } from 'node:events';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { Measurements } from './measurements.ts';
import { type DiagnoseOptions, type Settings, settle } from './options.ts';
import { type Plan, planOf, planSentence } from './plan.ts';
import { Budget, BudgetExceeded } from './probe/budget.ts';
import { type Progress, type Report, REPORT_SCHEMA, type StepReport } from './report/report.ts';
import { answerer } from './steps/answerer.ts';
import { compression } from './steps/compression.ts';
import { connections } from './steps/connections.ts';
import { echo } from './steps/echo.ts';
import { forwardProxy } from './steps/forward-proxy.ts';
import { http2 } from './steps/http2.ts';
import { idle } from './steps/idle.ts';
import { messageSizes } from './steps/message-sizes.ts';
import { nameResolution } from './steps/name-resolution.ts';
import { origin } from './steps/origin.ts';
import { ping } from './steps/ping.ts';
import { roundTrips } from './steps/round-trips.ts';
import { skipped, type Step, type StepNote } from './steps/step.ts';
import { subprotocol } from './steps/subprotocol.ts';
import { tcp } from './steps/tcp.ts';
import { tls } from './steps/tls.ts';
import { upgrade } from './steps/upgrade.ts';
import { problemIn, verdict } from './verdict/verdict.ts';
import { standingOf, verdictTitles } from './verdict/verdict-id.ts';
import { Way } from './way.ts';

export { BadInput } from '../bad-input.ts';
export type { DiagnoseOptions } from './options.ts';
export type { Measurements } from './measurements.ts';
export type { Progress, Report, StepReport } from './report/report.ts';
export type { Verdict } from './verdict/verdict.ts';

/** Cheap steps first: a verdict ends the run. */
const steps: readonly Step[] = [
  nameResolution,
  tcp,
  tls,
  answerer,
  upgrade,
  subprotocol,
  origin,
  http2,
  ping,
  compression,
  echo,
  roundTrips,
  messageSizes,
  connections,
  idle,
];

/** Proxies notice a closed connection a moment later; the next step must not pay for the last. */
const BETWEEN_STEPS_MS = 60;

/**
 * Tests a WebSocket address, and beside it the bare way when one is given, and says which hop ends its
 * connections. Rejects with `BadInput` for options that make no sense and with the signal's reason when it
 * is aborted; whatever the network does is part of the report.
 */
export async function diagnose(options: DiagnoseOptions): Promise<Report> {
  const settings = settle(options);
  const plan = planOf(settings);
  const tell = options.onProgress ?? (() => {});
  // One of its own, so that nothing of a run outlives it, however it ends.
  const over = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, over.signal]) : over.signal;
  setMaxListeners(0, signal);
  const run = new Run(settings, plan, tell, signal);
  tell({ kind: 'plan', plan, sentence: planSentence(plan, settings) });
  try {
    await run.perform();
    return run.report();
  } finally {
    over.abort();
  }
}

class Run {
  readonly #settings: Settings;
  readonly #plan: Plan;
  readonly #tell: (progress: Progress) => void;
  readonly #budget: Budget;
  readonly #public: Way;
  readonly #direct: Way | null;
  /** The direct way ends where it fails by itself: from here it may not be reachable at all. */
  #directGoesOn: boolean;
  readonly #signal: AbortSignal;
  readonly #steps: StepReport[] = [];
  readonly #startedAt = new Date();
  readonly #startedAtMs = performance.now();

  constructor(settings: Settings, plan: Plan, tell: (progress: Progress) => void, signal: AbortSignal) {
    this.#settings = settings;
    this.#plan = plan;
    this.#tell = tell;
    this.#signal = signal;
    this.#budget = new Budget(plan);
    this.#public = new Way('public', settings.target, settings, this.#budget, signal);
    this.#direct = settings.direct && new Way('direct', settings.direct, settings, this.#budget, signal);
    this.#directGoesOn = this.#direct !== null;
  }

  async perform(): Promise<void> {
    for (const step of this.#settings.proxy === null ? steps : [forwardProxy, ...steps]) {
      this.#signal.throwIfAborted();
      this.#tell({ kind: 'step-started', name: step.name, title: step.title });
      const ways = this.#directGoesOn && this.#direct ? [this.#public, this.#direct] : [this.#public];
      this.#steps.push(...(await Promise.all(ways.map((way) => this.#take(step, way)))));
      if (problemIn(this.#measurements())) return;
      if (this.#directGoesOn) this.#directGoesOn = problemIn(this.#measurementsOfDirect()) === null;
      await pause(BETWEEN_STEPS_MS, undefined, { signal: this.#signal });
    }
  }

  async #take(step: Step, way: Way): Promise<StepReport> {
    const startedAtMs = performance.now();
    const note = await this.#noteOf(step, way);
    const durationMs = Math.round(performance.now() - startedAtMs);
    const done: StepReport = { way: way.name, name: step.name, title: step.title, durationMs, ...note };
    this.#tell({ kind: 'step-done', step: done });
    return done;
  }

  async #noteOf(step: Step, way: Way): Promise<StepNote> {
    try {
      return await step.run(way, (text) => this.#tell({ kind: 'detail', way: way.name, text }));
    } catch (error) {
      this.#signal.throwIfAborted();
      if (error instanceof BudgetExceeded) return skipped(error.message);
      throw error;
    }
  }

  #measurements(): Measurements {
    const { subprotocols, expect, heartbeatMs } = this.#settings;
    const asked = { subprotocols, expect, heartbeatMs };
    return { public: this.#public.measured, direct: this.#direct?.measured ?? null, asked };
  }

  #measurementsOfDirect(): Measurements {
    const { asked, direct, public: publicWay } = this.#measurements();
    return { public: direct ?? publicWay, direct: null, asked };
  }

  report(): Report {
    const measurements = this.#measurements();
    const found = verdict(measurements, this.#settings.via);
    const { connections: opened, bytes } = this.#budget.spent;
    return {
      schema: REPORT_SCHEMA,
      url: this.#settings.target.url,
      direct: this.#settings.direct?.url ?? null,
      startedAt: this.#startedAt.toISOString(),
      durationMs: Math.round(performance.now() - this.#startedAtMs),
      plan: this.#plan,
      sent: { connections: opened, bytes },
      standing: standingOf(found.id),
      verdict: { ...found, title: verdictTitles[found.id] },
      measurements,
      steps: this.#steps,
    };
  }
}
