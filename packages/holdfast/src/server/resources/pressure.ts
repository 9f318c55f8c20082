import type { Reading, Use } from './machine.ts';

/** Where a resource counts as used up: shares of its limit, and for the event loop a time. */
export interface Watermarks {
  /** Of the least of RAM and cgroup. */
  memory: number;
  /** Of V8's heap limit. */
  heap: number;
  /** Of the soft limit of open files. */
  files: number;
  eventLoopDelayMs: number;
}

/**
 * What is left above the marks is for the requests of those who are connected, for their sockets' buffers, and to
 * tell others that there is no room. Half a second is what people take for "it hangs" (Nielsen: 1 s at most).
 */
export const defaultWatermarks: Watermarks = { memory: 0.85, heap: 0.85, files: 0.9, eventLoopDelayMs: 500 };

export type Resource = keyof typeof resourceNames;

export const resourceNames = {
  memory: 'memory',
  heap: 'the heap',
  files: 'open files',
  eventLoopDelayMs: 'the event loop’s delay',
} as const satisfies Record<keyof Watermarks, string>;

/** What gives way, in this order; each level holds those before it. An admitted connection never does. */
export const levels = ['nothing', 'signals', 'publishers', 'newcomers'] as const;
export type Level = (typeof levels)[number];

/** Shares of the watermark at which the levels begin. */
const beginsAt: Readonly<Record<Level, number>> = {
  nothing: 0,
  signals: 0.9,
  publishers: 0.95,
  newcomers: 1,
};
/** A level ends this far below where it began, so that it does not flicker. */
const HYSTERESIS = 0.05;

/** The level after a reading, from the one before it. Open files are of no use to anybody but newcomers. */
export function nextLevel(before: Level, share: number, resource: Resource): Level {
  let next = levels.indexOf(before);
  while (next < levels.length - 1 && share >= beginsAt[levels[next + 1]!]) next++;
  while (next > 0 && share < beginsAt[levels[next]!] - HYSTERESIS) next--;
  if (resource === 'files' && levels[next] !== 'newcomers') return 'nothing';
  return levels[next]!;
}

/** How much of its watermark each resource has reached: 1 is the mark. */
export function sharesOf(reading: Reading, marks: Watermarks): Record<Resource, number> {
  const share = (use: Use | undefined, mark: number): number => (use ? use.used / (use.limit * mark) : 0);
  return {
    memory: share(reading.memory, marks.memory),
    heap: share(reading.heap, marks.heap),
    files: share(reading.files, marks.files),
    eventLoopDelayMs: reading.eventLoopDelayMs / marks.eventLoopDelayMs,
  };
}
