import type { Measurements } from '../measurements.ts';
import type { Plan } from '../plan.ts';
import type { Limits } from '../probe/budget.ts';
import type { Standing } from '../verdict/verdict-id.ts';
import type { Verdict } from '../verdict/verdict.ts';
import type { WayName } from '../way.ts';

/** Rises with every change of the shape of a report. */
export const REPORT_SCHEMA = 1;

export interface StepReport {
  readonly way: WayName;
  readonly name: string;
  readonly title: string;
  readonly status: 'ok' | 'problem' | 'skipped';
  readonly summary: string;
  readonly durationMs: number;
}

/** What `diagnose` resolves with, and what `--json` prints. Times are milliseconds, sizes bytes. */
export interface Report {
  readonly schema: typeof REPORT_SCHEMA;
  readonly url: string;
  readonly direct: string | null;
  readonly startedAt: string;
  readonly durationMs: number;
  readonly plan: Plan;
  readonly sent: Pick<Limits, 'connections' | 'bytes'>;
  readonly standing: Standing;
  readonly verdict: Verdict & { readonly title: string };
  readonly measurements: Measurements;
  readonly steps: readonly StepReport[];
}

export type Progress =
  | { readonly kind: 'plan'; readonly plan: Plan; readonly sentence: string }
  | { readonly kind: 'step-started'; readonly name: string; readonly title: string }
  | { readonly kind: 'detail'; readonly way: WayName; readonly text: string }
  | { readonly kind: 'step-done'; readonly step: StepReport };
