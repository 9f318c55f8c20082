import type { Position } from '../../../protocol/position.ts';
import type { FollowedMessage } from '../../message-log.ts';

/** Epoch and offset stand before the payload of what is published, as big-endian doubles. */
const HEADER_BYTES = 16;

/** A topic that somebody on this node follows. */
export class Followed {
  readonly topic: string;
  readonly listeners = new Set<(message: FollowedMessage) => void>();
  /** The newest message that the listeners were told of. */
  last: Position = { epoch: 0, offset: 0 };

  constructor(topic: string) {
    this.topic = topic;
  }

  take(message: Buffer): void {
    if (message.length < HEADER_BYTES) return;
    const epoch = message.readDoubleBE(0);
    const offset = message.readDoubleBE(8);
    this.tell({ epoch, offset, previous: offset - 1, payload: message.subarray(HEADER_BYTES) });
  }

  tell(message: FollowedMessage): void {
    const { epoch, offset } = message;
    if (epoch === this.last.epoch && offset <= this.last.offset) return;
    this.last = { epoch, offset };
    for (const listener of this.listeners) listener(message);
  }
}
