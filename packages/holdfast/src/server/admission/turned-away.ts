import { closeCodes } from '../../protocol/close-codes.ts';
import { encode } from '../../protocol/codec.ts';
import type { EngineSocket, SocketHandler } from '../engine.ts';

/** What no slot helps against, such as too many connections of one address, is not worth coming back for sooner. */
export const FULL_RETRY_MS = 10_000;

/** Why a connection can't be had now, and how long its client had better wait. */
export interface Refusal {
  readonly text: string;
  readonly delayMs: number;
}

/**
 * A connection that was accepted only to be told when to come back: a browser can't read an HTTP status or header
 * of a refused upgrade, but it can read a record and a close code (SPEC ADM-3). Nothing that it sends is looked at.
 */
export class TurnedAway implements SocketHandler {
  private readonly ended: () => void;

  constructor(socket: EngineSocket, { text, delayMs }: Refusal, ended: () => void) {
    this.ended = ended;
    socket.send(encode([{ type: 'go-away', reconnectInMs: delayMs, reason: text }]));
    socket.close(closeCodes.overloaded.code, refusalText({ text, delayMs }));
  }

  handleMessage(): void {}
  handleDrain(): void {}
  handleClose(): void {
    this.ended();
  }
}

/** For people, and for clients that know the close code only. */
export function refusalText({ text, delayMs }: Refusal): string {
  return `${text} Come back in ${(delayMs / 1_000).toFixed(1)} s.`;
}
