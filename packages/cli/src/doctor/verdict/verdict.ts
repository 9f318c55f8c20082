import type { Measurements } from '../measurements.ts';
import { connectionRules } from './connection-rules.ts';
import { type Finding, opens, productOf, type Rule } from './finding.ts';
import { type Fix, fixOf, HEARTBEAT_MS_USUAL, survivingHeartbeatMs } from './fix.ts';
import { handshakeRules } from './handshake-rules.ts';
import { idleRules } from './idle-rules.ts';
import { deadAddressRule, reachRules } from './reach-rules.ts';
import type { Confidence, Hop, VerdictId } from './verdict-id.ts';

export interface Verdict {
  readonly id: VerdictId;
  readonly hop: Hop;
  readonly confidence: Confidence;
  readonly evidence: readonly string[];
  readonly fix: Fix | null;
  /** The product that was recognised or named, whether it is at fault or not. */
  readonly product: string | null;
  /** The idle limit or the lifetime that was found. */
  readonly limitMs: number | null;
  /** An interval that survives as things are; null when none would, or nothing is known. */
  readonly heartbeatMs: number | null;
}

/** In this order: what comes first hides or explains what comes later. */
const rules: readonly Rule[] = [
  ...reachRules,
  ...handshakeRules,
  ...connectionRules,
  ...idleRules,
  deadAddressRule,
];

/** The first problem that the measurements show so far; null when there is none. Pure. */
export function problemIn(measurements: Measurements): Finding | null {
  for (const rule of rules) {
    const finding = rule.find(measurements.public, measurements.asked, measurements.direct);
    if (finding) return compare(rule, finding, measurements);
  }
  return null;
}

/** What the measurements say, as a pure function of them. `via` names the product when the user did. */
export function verdict(measurements: Measurements, via: string | null = null): Verdict {
  const product = via ?? productOf(measurements.public);
  const finding = problemIn(measurements);
  if (!finding) return wellOrUnknown(measurements, product);
  const { id, hop, confidence, evidence, limitMs = null } = finding;
  const noHeartbeatHelps = limitMs === null || id === 'lifetime-limit';
  return {
    id,
    hop,
    confidence,
    evidence,
    fix: fixOf(finding, product),
    product,
    limitMs,
    heartbeatMs: noHeartbeatHelps ? null : survivingHeartbeatMs(limitMs),
  };
}

function wellOrUnknown({ public: way }: Measurements, product: string | null): Verdict {
  const nothing = { hop: 'none', fix: null, product, limitMs: null } as const;
  const idle = way.idle?.result;
  if (!opens(way) || !idle || idle.kind === 'not-tested') {
    const evidence = ['The run ended before silence was tested.'];
    return { id: 'not-measured', confidence: 'low', evidence, heartbeatMs: null, ...nothing };
  }
  const survivedMs = idle.longestLivedMs;
  const evidence = [
    `The handshake works, and connections survive ${Math.round(survivedMs / 100) / 10} s of silence.`,
  ];
  if (idle.kind === 'limit') {
    evidence.push(`The idle limit of ${Math.round(idle.limitMs / 1_000)} s leaves room for the heartbeat.`);
  }
  return {
    id: 'stable',
    confidence: survivedMs >= HEARTBEAT_MS_USUAL ? 'high' : 'medium',
    evidence,
    heartbeatMs: Math.min(HEARTBEAT_MS_USUAL, Math.round(survivedMs)),
    ...nothing,
  };
}

/** A sight on both ways is the server's; one that the direct way lacks was made before it. */
function compare(rule: Rule, finding: Finding, { direct, asked }: Measurements): Finding {
  if (rule.hop === 'fixed' || !direct || direct[rule.part] === undefined) return finding;
  const there = rule.find(direct, asked, null);
  if (there) {
    if (there.id !== finding.id) return finding;
    const evidence = [...finding.evidence, 'The direct way shows the same, so the server does it.'];
    return { ...finding, hop: finding.hop === 'tls' ? 'tls' : 'server', confidence: 'high', evidence };
  }
  // A way that was refused shows nothing either: it clears the server only if it works.
  if (!opens(direct)) return finding;
  const evidence = [
    ...finding.evidence,
    'The direct way does not show it, so something before the server does.',
  ];
  const confidence = finding.confidence === 'low' ? 'medium' : 'high';
  return { ...finding, hop: 'proxy', confidence, evidence };
}
