import { Backoff, defaultBackoff } from '../../packages/holdfast/src/session/backoff.ts';

/** What a client knows when it decides how long to wait for its next attempt. */
export interface Waiting {
  /** Attempts that came to nothing since the loss. */
  failed: number;
  /** Since the loss. */
  downMs: number;
  /** Between 0 and 1, drawn once for each client. */
  own: number;
}

/** How a client comes back after its connection broke. */
export interface Algorithm {
  readonly name: string;
  /** How it does that, in a few words. */
  readonly about: string;
  readonly connectTimeoutMs: number;
  /** Whether the server answers with a slot when more come than it admits. */
  readonly hasSlots: boolean;
  /** Until the next attempt; undefined when there is none. */
  waitMs(waiting: Waiting, random: () => number): number | undefined;
}

/** Holdfast, whose server advertised this window before it crashed. */
export function holdfast(returnWindowMs: number): Algorithm {
  return {
    name: 'Holdfast',
    about: 'the place that the server dealt in its return window, and slots',
    connectTimeoutMs: 8_000,
    hasSlots: true,
    waitMs({ failed, downMs, own }, random) {
      const backoff = new Backoff(defaultBackoff, random);
      backoff.windowMs = returnWindowMs;
      backoff.place = own;
      return backoff.nextMs(failed === 0, downMs);
    },
  };
}

/** What others do, as of their present releases; each from its own source, with its defaults. */
export const peers: readonly Algorithm[] = [
  {
    name: 'Socket.IO 4.8',
    about: '1 s · 2ⁿ, ± half, cut off at 5 s',
    connectTimeoutMs: 20_000,
    hasSlots: false,
    // backo2: the jitter comes before the cap, so from the fifth attempt on all wait for 5 s exactly.
    waitMs({ failed }, random) {
      const aboutMs = 1_000 * 2 ** failed;
      return Math.min(5_000, aboutMs * (0.5 + random()));
    },
  },
  {
    name: 'Centrifugo 6 (centrifuge-js)',
    about: 'full jitter between 0.5 and 20 s',
    connectTimeoutMs: 5_000,
    hasSlots: false,
    waitMs({ failed }, random) {
      return Math.min(20_000, 500 + random() * Math.min(20_000, 500 * 2 ** failed));
    },
  },
  {
    name: 'SignalR 10',
    about: '0, 2, 10 and 30 s, the same for all; then it stops',
    connectTimeoutMs: 15_000,
    hasSlots: false,
    waitMs: ({ failed }) => [0, 2_000, 10_000, 30_000][failed],
  },
  {
    name: 'Phoenix 1.8',
    about: '10 ms … 2 s, then 5 s, the same for all',
    connectTimeoutMs: Infinity,
    hasSlots: false,
    waitMs: ({ failed }) => [10, 50, 100, 150, 200, 250, 500, 1_000, 2_000][failed] ?? 5_000,
  },
  {
    name: 'partysocket, reconnecting-websocket',
    about: '1 to 5 s, drawn once, × 1.3ⁿ up to 10 s',
    connectTimeoutMs: 4_000,
    hasSlots: false,
    waitMs: ({ failed, own }) =>
      failed === 0 ? 0 : Math.min(10_000, (1_000 + own * 4_000) * 1.3 ** (failed - 1)),
  },
];
