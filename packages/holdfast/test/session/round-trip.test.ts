import { describe, expect, it } from 'vitest';
import { RoundTrip } from '../../src/session/round-trip.ts';

function after(...samplesMs: number[]): RoundTrip {
  const roundTrip = new RoundTrip();
  for (const ms of samplesMs) roundTrip.sample(ms);
  return roundTrip;
}

describe('the round trip', () => {
  it('[LIVE-4] allows 5 s before the first sample', () => {
    expect(after().timeoutMs).toBe(5_000);
    expect(after().smoothedMs).toBeUndefined();
  });

  it('[LIVE-4] takes the first sample R as SRTT, and R/2 as RTTVAR (RFC 6298 §2.2)', () => {
    expect(after(400).smoothedMs).toBe(400);
    expect(after(400).timeoutMs).toBe(400 + 4 * 200);
  });

  it('[LIVE-4] moves SRTT by an eighth and RTTVAR by a quarter (RFC 6298 §2.3)', () => {
    // RTTVAR = 3/4 · 200 + 1/4 · |400 − 800| = 250; SRTT = 7/8 · 400 + 1/8 · 800 = 450.
    const roundTrip = after(400, 800);
    expect(roundTrip.smoothedMs).toBe(450);
    expect(roundTrip.timeoutMs).toBe(450 + 4 * 250);
  });

  it('[LIVE-4] allows 1 s at least and 5 s at most', () => {
    expect(after(1, 1, 1, 1).timeoutMs).toBe(1_000);
    expect(after(4_000).timeoutMs).toBe(5_000);
  });
});
