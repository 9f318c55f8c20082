import type { Way } from '../way.ts';

export interface StepNote {
  readonly status: 'ok' | 'problem' | 'skipped';
  readonly summary: string;
}

/** One thing that is tried on a way; it writes what it saw into `way.measured`. */
export interface Step {
  readonly name: string;
  readonly title: string;
  /** `tell` shows what is going on in a step that takes long. */
  run(way: Way, tell: (text: string) => void): Promise<StepNote>;
}

export const ok = (summary: string): StepNote => ({ status: 'ok', summary });
export const problem = (summary: string): StepNote => ({ status: 'problem', summary });
export const skipped = (summary: string): StepNote => ({ status: 'skipped', summary });

export const REFUSED_AGAIN = 'a connection that had worked before was refused';

export function ms(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
}

export function seconds(valueMs: number): string {
  return `${(valueMs / 1_000).toFixed(valueMs < 10_000 ? 1 : 0)} s`;
}
