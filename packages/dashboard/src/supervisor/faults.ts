import type { ChaosFaults } from '@holdfast/chaos';
import {
  BANDWIDTH_BYTES_PER_SECOND,
  BLACK_HOLE_MS,
  IDLE_CUT_MS,
  JITTER_MS,
  LATENCY_MS,
  LIFETIME_CUT_MS,
  type LastingFault,
} from '../events.ts';

interface PageFault {
  /** On the timelines, where there is little room. */
  readonly label: string;
  readonly faults: ChaosFaults;
  /** After this it ends by itself. */
  readonly lastsMs?: number;
}

/** What each button that stays pressed asks of the proxy. Two that want the same of it take turns. */
export const pageFaults: Readonly<Record<LastingFault, PageFault>> = {
  'black-hole': { label: 'black hole', faults: { blackHole: 'both' }, lastsMs: BLACK_HOLE_MS },
  'black-hole-up': { label: 'black hole up', faults: { blackHole: 'up' }, lastsMs: BLACK_HOLE_MS },
  'black-hole-down': { label: 'black hole down', faults: { blackHole: 'down' }, lastsMs: BLACK_HOLE_MS },
  latency: { label: '2 s latency', faults: { latencyMs: LATENCY_MS } },
  jitter: { label: 'jitter', faults: { jitterMs: JITTER_MS } },
  bandwidth: { label: 'slow line', faults: { bandwidthBytesPerSecond: BANDWIDTH_BYTES_PER_SECOND } },
  split: { label: 'split bytes', faults: { splitEveryByte: true } },
  refuse: { label: 'refuse', faults: { refuse: true } },
  'idle-cut': { label: 'idle cut', faults: { idleCutMs: IDLE_CUT_MS } },
  'lifetime-cut': { label: 'lifetime cut', faults: { lifetimeCutMs: LIFETIME_CUT_MS } },
};

/** The same faults, taken away. */
export function without(faults: ChaosFaults): ChaosFaults {
  return Object.fromEntries(Object.keys(faults).map((name) => [name, undefined]));
}

/** Those that want the same of the proxy, and can't be had at once. */
export function rivalsOf(fault: LastingFault): LastingFault[] {
  const wanted = Object.keys(pageFaults[fault].faults);
  return (Object.keys(pageFaults) as LastingFault[]).filter(
    (other) => other !== fault && Object.keys(pageFaults[other].faults).some((name) => wanted.includes(name)),
  );
}
