import type { Position } from '../protocol/position.ts';

/**
 * A subscription as the server sees it.
 *
 *            opened                 page reaches the top
 *   opening ────────▶ behind ◀────▶ reading ────────▶ live
 *                       ▲                              │
 *                       └───────── socket was full ────┘
 *
 * A live cursor stands at the hub's own top and holds no position of its own; `position` is where a cursor
 * that is behind reads on (SPEC FLOW-2).
 */
export class Cursor<Topic = unknown> {
  readonly subscription: number;
  /** What its client calls the topic. */
  readonly name: string;
  state: 'opening' | 'behind' | 'reading' | 'live' | 'shut' = 'opening';
  position: Position = unplaced;
  /** The hub's topic, known once the cursor was opened. */
  topic: Topic | undefined = undefined;

  constructor(subscription: number, name: string) {
    this.subscription = subscription;
    this.name = name;
  }
}

const unplaced: Position = { epoch: 0, offset: 0 };
