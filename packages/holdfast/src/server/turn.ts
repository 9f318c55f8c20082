import type { Clock } from '../session/clock.ts';

/** A connection as a turn sees it. */
export interface Participant {
  /** `nowMs` is the clock's. */
  takeIn(message: Uint8Array, nowMs: number): void;
  flush(): void;
}

/** When this much has arrived it is taken in at once, so that whoever is to be held back is, and not much too late. */
const ARRIVED_MAX = 64;
const ARRIVED_BYTES_MAX = 65_536;

/**
 * One turn of the event loop in steps, each made for all connections before the next: messages arrive, are taken
 * in, and what that caused leaves. What became ready together leaves in one message (SPEC WIRE-7), and each step
 * finds its code in the processor's cache: with 100 connections that is worth a twentieth of a request's time.
 */
export class Turn {
  /** Who sent what, in the order of arrival: `count` of them, of which `taken` are taken in. The room is kept. */
  private readonly senders: (Participant | undefined)[] = [];
  private readonly messages: (Uint8Array | undefined)[] = [];
  private count = 0;
  private taken = 0;
  private arrivedBytes = 0;
  /** Those with something to send; one may stand here twice, or have nothing any more. */
  private dirty: Participant[] = [];
  private isAsked = false;
  private readonly clock: Clock;
  private readonly last: () => void;

  /** `last` is called when all connections have sent what they had. */
  constructor(clock: Clock, last: () => void) {
    this.clock = clock;
    this.last = last;
  }

  /** Keeps `message` until the end of the turn, or until that is too much. */
  arrived(sender: Participant, message: Uint8Array): void {
    this.senders[this.count] = sender;
    this.messages[this.count++] = message;
    this.arrivedBytes += message.length;
    if (this.arrivedBytes > ARRIVED_BYTES_MAX || this.count >= ARRIVED_MAX) this.takeIn();
    else this.wake();
  }

  /** Takes in what has arrived, before something that came after it. Who asks meanwhile finds it under way. */
  takeIn(): void {
    if (this.count === 0 || this.taken > 0) return;
    const nowMs = this.clock.nowMs();
    while (this.taken < this.count) {
      const place = this.taken++;
      const sender = this.senders[place]!;
      const message = this.messages[place]!;
      this.senders[place] = this.messages[place] = undefined;
      try {
        sender.takeIn(message, nowMs);
      } catch (error) {
        // As an error of its own, which costs the others nothing.
        this.clock.defer(() => {
          throw error;
        });
      }
    }
    this.count = this.taken = this.arrivedBytes = 0;
  }

  flushLater(participant: Participant): void {
    this.dirty.push(participant);
    this.wake();
  }

  /** There is something to do at the end of the turn. */
  wake(): void {
    if (this.isAsked) return;
    this.isAsked = true;
    this.clock.defer(() => this.end());
  }

  private end(): void {
    this.takeIn();
    // What is ready from here on waits for the next turn.
    this.isAsked = false;
    const { dirty } = this;
    this.dirty = [];
    // Acknowledgements and answers first, so that a run finds each connection's own records already sent.
    for (const participant of dirty) participant.flush();
    this.last();
  }
}

/** Calls back once at the end of the turn, however often it was asked to. */
export function oncePerTurn(clock: Clock, callback: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    clock.defer(() => {
      asked = false;
      callback();
    });
  };
}
