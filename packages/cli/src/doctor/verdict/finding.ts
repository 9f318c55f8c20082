import type { FixTopic } from '../../facts/intermediary.ts';
import { recognise } from '../../facts/intermediaries.ts';
import type { Asked, WayMeasurements } from '../measurements.ts';
import type { Refusal } from '../probe/handshake.ts';
import type { Confidence, Hop, VerdictId } from './verdict-id.ts';

/** What a rule saw on one way. */
export interface Finding {
  readonly id: VerdictId;
  readonly hop: Hop;
  readonly confidence: Confidence;
  /** Sentences with the figures that led here. */
  readonly evidence: readonly string[];
  /** The idle limit or the lifetime, where one was found. */
  readonly limitMs?: number;
  /** Which setting of the product mends it, where the id alone does not say. */
  readonly topic?: FixTopic;
}

/** The rules stand in one table; the first that finds something gives the verdict. */
export interface Rule {
  /** What the rule looks at: the other way can be compared when it has this too. */
  readonly part: keyof WayMeasurements;
  /** The comparison of the two ways says whose fault it is; `fixed` where the sight itself says it. */
  readonly hop: 'compared' | 'fixed';
  /** Never throws, whatever is missing. `other` is the direct way, when `way` is the public one. */
  find(way: WayMeasurements, asked: Asked, other: WayMeasurements | null): Finding | null;
}

/** The proxy that showed itself most clearly. */
export function productOf(way: WayMeasurements): string | null {
  return way.answerer?.products.find(({ id }) => id !== 'nodejs-http-server')?.id ?? null;
}

/** The product whose own error page this is: then the server behind it never saw the request. */
export function authorOf(refusal: Refusal): string | null {
  if (refusal.kind !== 'answered') return null;
  return recognise(new Map(), refusal.bodyStart)[0]?.intermediary.id ?? null;
}

export function opens(way: WayMeasurements | null): boolean {
  return way?.upgrade?.attempts[0]?.outcome.kind === 'open';
}
