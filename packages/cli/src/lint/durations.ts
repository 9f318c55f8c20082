/** Units that proxies write after a number, in milliseconds. */
const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  M: 2_592_000_000,
  y: 31_536_000_000,
};

/**
 * "90", "90s", "1h30m", "1h 30m" or "500ms". A number without a unit counts in `bareUnitMs`.
 * Anything else is `undefined`: it may hold a variable, and then nothing can be said.
 */
export function parseDurationMs(text: string, bareUnitMs: number): number | undefined {
  const trimmed = text.trim();
  if (/^\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed) * bareUnitMs;
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|[smhdwMy])\s*)+$/.test(trimmed)) return undefined;
  let total = 0;
  for (const [, number, unit] of trimmed.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|[smhdwMy])/g)) {
    total += Number(number) * (unitMs[unit ?? ''] ?? 0);
  }
  return total;
}

/** "90 s", "5 min", "500 ms": what a sentence says. */
export function sayDuration(ms: number): string {
  if (ms >= 7_200_000 && ms % 3_600_000 === 0) return `${ms / 3_600_000} h`;
  if (ms >= 300_000 && ms % 60_000 === 0) return `${ms / 60_000} min`;
  return ms >= 1_000 ? `${Number((ms / 1_000).toFixed(1))} s` : `${ms} ms`;
}

/** Without a heartbeat a limit up to this is a fault: most people pause longer than a minute. */
export const SILENCE_EXPECTED_MS = 60_000;

/** Whether an idle limit ends a socket that beats as declared, or that is silent for a minute. */
export function cutsSilence(idleMs: number, heartbeatMs: number | undefined): boolean {
  return idleMs > 0 && idleMs <= (heartbeatMs ?? SILENCE_EXPECTED_MS);
}

/** The end of a sentence about an idle limit: what it is too short for. */
export function sayTooShortFor(heartbeatMs: number | undefined): string {
  return heartbeatMs === undefined
    ? 'and no heartbeat was declared (--heartbeat)'
    : `and the heartbeat comes only every ${sayDuration(heartbeatMs)}`;
}
