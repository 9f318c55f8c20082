import type { Retention } from '../../message-log.ts';
import type { TopicRecord } from './records.ts';

/** An empty topic's top is kept so long for those who have all of it. */
const TOP_KEPT_MS = 30 * 24 * 3_600_000;

/** Whether a topic's oldest message, appended at that time, is more than the retention covers. */
export function isTooMuch(topic: TopicRecord, retention: Retention, atMs: number, nowMs: number): boolean {
  const { top, trimmedThrough, bytes } = topic;
  if (top === trimmedThrough) return false;
  const { countMax, bytesMax, ageMaxMs } = retention;
  return top - trimmedThrough > countMax || bytes > bytesMax || nowMs - atMs > ageMaxMs;
}

/** Whether nothing is left of a topic, and nobody is likely to come back to its end. */
export function isForgettable({ top, trimmedThrough, newestAtMs }: TopicRecord, nowMs: number): boolean {
  return top === trimmedThrough && nowMs - newestAtMs > TOP_KEPT_MS;
}
