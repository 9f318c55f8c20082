import { encode } from '../protocol/codec.ts';
import { RECORDS_MAX } from '../protocol/limits.ts';
import type { Top } from '../protocol/schema.ts';
import type { Cursor } from '../session/cursor.ts';
import type { HubTopic } from './hub.ts';

/** A client takes no longer list. What does not fit was sent over the same connection, and is as likely to have come. */
const TOPS_MAX = RECORDS_MAX;

type Cursors = ReadonlyMap<number, Cursor<HubTopic>>;

/**
 * Heartbeats, with the tops of what a connection follows live (SPEC LIVE-2, HUB-3). Connections that beat one after
 * the other mostly follow the same, so the last one is kept, and looking at its tops costs less than encoding anew.
 */
export class Heartbeats {
  private tops: Top[] = [];
  private bytes = encodePing([]);

  of(cursors: Cursors): Uint8Array {
    if (!this.isLast(cursors)) {
      this.tops = [];
      for (const { state, topic } of cursors.values()) {
        if (this.tops.length === TOPS_MAX) break;
        if (state === 'live' && topic) this.tops.push({ alias: topic.alias, offset: topic.sent.offset });
      }
      this.bytes = encodePing(this.tops);
    }
    return this.bytes;
  }

  private isLast(cursors: Cursors): boolean {
    let count = 0;
    for (const { state, topic } of cursors.values()) {
      if (count === TOPS_MAX) break;
      if (state !== 'live' || !topic) continue;
      const top = this.tops[count++];
      if (top?.alias !== topic.alias || top.offset !== topic.sent.offset) return false;
    }
    return count === this.tops.length;
  }
}

function encodePing(tops: readonly Top[]): Uint8Array {
  return encode([{ type: 'ping', id: 0, tops }]);
}
