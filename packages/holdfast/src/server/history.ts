import type { Position } from '../protocol/position.ts';
import type { MessageLog } from './message-log.ts';
import type { HistoryPage } from './types.ts';

/** What is given at once, at most, but for one message that has more: decoding it holds the event loop up. */
const HISTORY_BYTES_MAX = 4_194_304;
/** What is asked of the log at once: others wait meanwhile. */
const PAGE_BYTES_MAX = 1_048_576;

export interface History {
  readonly entries: readonly { readonly position: Position; readonly payload: Uint8Array }[];
  readonly gap: HistoryPage['gap'];
}

/** The last `limit` messages, or those after a position. Of what is too much, the newest, or the next. */
export async function readHistory(
  log: MessageLog,
  topic: string,
  limit: number,
  after: Position | undefined,
): Promise<History> {
  const from = after ?? (await log.before(topic, limit));
  const entries: { position: Position; payload: Uint8Array }[] = [];
  let gap: HistoryPage['gap'];
  let bytes = 0;
  let position = from;
  let left = limit;
  while (left > 0) {
    const bytesMax = after ? HISTORY_BYTES_MAX - bytes : HISTORY_BYTES_MAX;
    const limits = { messagesMax: left, bytesMax: Math.min(bytesMax, PAGE_BYTES_MAX) };
    const page = await log.read(topic, position, limits);
    // What went away meanwhile is told to whoever reads on from here.
    if (page.gap && entries.length > 0) break;
    if (page.gap) gap = { from, ...page.gap };
    if (page.entries.length === 0) break;
    left -= page.entries.length;
    for (const { offset, payload } of page.entries) {
      position = { epoch: page.epoch, offset };
      entries.push({ position, payload });
      bytes += payload.length;
    }
    if (after !== undefined) {
      if (bytes >= HISTORY_BYTES_MAX) break;
      continue;
    }
    while (bytes > HISTORY_BYTES_MAX && entries.length > 1) bytes -= entries.shift()!.payload.length;
  }
  return { entries, gap };
}
