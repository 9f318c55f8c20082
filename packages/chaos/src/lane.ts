import { performance } from 'node:perf_hooks';
import type { Socket } from 'node:net';
import type { ChaosFaults } from './faults.ts';

/** What all lanes of a proxy share. `faults` is replaced while they run. */
export interface Conditions {
  faults: ChaosFaults;
  /** Numbers in [0, 1). */
  readonly random: () => number;
  /** A lane that holds this many bytes stops reading its source. */
  readonly heldBytesMax: number;
}

/** How a lane came to its end: its source closed, its source died, or it cut a frame as it was told to. */
export type LaneEnd = 'fin' | 'reset' | 'cut';

/** Something on its way through a lane. A FIN or RST travels like bytes, behind those that were sent before. */
type Parcel = {
  readonly arrivedAtMs: number;
  /** This parcel's draw in [0, 1): how much of the jitter it gets. */
  readonly jitterShare: number;
} & ({ readonly kind: 'bytes'; bytes: Buffer } | { readonly kind: LaneEnd });

/** Small parcels cost more memory than their bytes; past this number a lane stops reading too. */
const heldParcelsMax = 4096;

/** A limited bandwidth is handed out in pieces of this length, so that bytes trickle instead of coming at once. */
const bandwidthSliceMs = 20;

/**
 * One direction of a connection: takes what `source` sends and gives it to `sink` when the faults allow.
 *
 * While parcels wait, exactly one thing will move them on: one timer for the parcel in front, the sink's `drain`,
 * its `connect`, or a change of the faults.
 */
export class Lane {
  /** Bytes handed to the sink so far. */
  bytesDelivered = 0;
  /** When the source last sent bytes, or the lane was made; in milliseconds of `performance.now()`. */
  lastByteAtMs = performance.now();
  /** Whether the end of the next chunk will be withheld and the end `cut` reported. */
  cutsNextChunk = false;
  readonly #direction: 'up' | 'down';
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #conditions: Conditions;
  readonly #onEnd: (end: LaneEnd) => void;
  #parcels: Parcel[] = [];
  #heldBytes = 0;
  #nextSliceAtMs = 0;
  #stopped = false;
  #cancelWake: (() => void) | undefined;

  constructor(
    direction: 'up' | 'down',
    source: Socket,
    sink: Socket,
    conditions: Conditions,
    onEnd: (end: LaneEnd) => void,
  ) {
    this.#direction = direction;
    this.#source = source;
    this.#sink = sink;
    this.#conditions = conditions;
    this.#onEnd = onEnd;
    source.on('data', (bytes: Buffer) => this.#handle({ ...this.#stamp(), kind: 'bytes', bytes }));
    source.on('end', () => this.#handle({ ...this.#stamp(), kind: 'fin' }));
    source.on('error', () => this.#handle({ ...this.#stamp(), kind: 'reset' }));
    sink.on('drain', () => this.advance());
    sink.on('connect', () => this.advance());
  }

  /** Whether the source has closed or died, even if the sink can't know yet. */
  get sourceIsDone(): boolean {
    return this.#source.readableEnded || this.#source.destroyed;
  }

  /** Loses whatever is on its way, now and later. */
  stop(): void {
    this.#stopped = true;
    this.#parcels = [];
    this.#cancelWake?.();
  }

  /** Delivers what may be delivered now. To be called when the faults have changed. */
  advance(): void {
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    while (!this.#isBlocked()) {
      const parcel = this.#parcels[0];
      if (!parcel) break;
      const nowMs = performance.now();
      const dueMs = this.#dueMs(parcel);
      if (dueMs > nowMs) {
        this.#wakeIn(dueMs - nowMs);
        break;
      }
      if (parcel.kind === 'bytes') {
        if (this.cutsNextChunk) this.#shortenFirstChunk(parcel);
        else this.#deliverBytes(parcel, nowMs);
        if (this.#conditions.faults.splitEveryByte) {
          this.#wakeNextTurn();
          break;
        }
      } else {
        this.#deliverEnd(parcel.kind);
      }
    }
    this.#regulateSource();
  }

  #handle(parcel: Parcel): void {
    if (this.#stopped) return;
    this.#parcels.push(parcel);
    if (parcel.kind === 'bytes') {
      this.#heldBytes += parcel.bytes.length;
      this.lastByteAtMs = parcel.arrivedAtMs;
    }
    // Behind other parcels there is nothing to do: whatever they wait for will move this one too.
    if (this.#parcels.length === 1) this.advance();
    else this.#regulateSource();
  }

  #stamp(): { arrivedAtMs: number; jitterShare: number } {
    return { arrivedAtMs: performance.now(), jitterShare: this.#conditions.random() };
  }

  /** Reckoned anew each time, so that a change of the faults holds for what is on its way already. */
  #dueMs(parcel: Parcel): number {
    const { latencyMs = 0, jitterMs = 0, bandwidthBytesPerSecond } = this.#conditions.faults;
    const arrivalMs = parcel.arrivedAtMs + latencyMs + jitterMs * parcel.jitterShare;
    return bandwidthBytesPerSecond === undefined ? arrivalMs : Math.max(arrivalMs, this.#nextSliceAtMs);
  }

  #isBlocked(): boolean {
    const { blackHole } = this.#conditions.faults;
    if (blackHole === 'both' || blackHole === this.#direction) return true;
    // A sink is pending before it is connected, and again when it died: its own lane brings the news of that.
    return this.#sink.pending || this.#sink.writableNeedDrain;
  }

  #deliverBytes(parcel: { bytes: Buffer }, nowMs: number): void {
    const { bandwidthBytesPerSecond = Infinity, splitEveryByte } = this.#conditions.faults;
    const bytesMax = splitEveryByte
      ? 1
      : Math.max(1, Math.floor((bandwidthBytesPerSecond * bandwidthSliceMs) / 1000));
    const slice = parcel.bytes.subarray(0, bytesMax);
    if (slice.length === parcel.bytes.length) this.#parcels.shift();
    else parcel.bytes = parcel.bytes.subarray(slice.length);
    this.#heldBytes -= slice.length;
    if (bandwidthBytesPerSecond !== Infinity) {
      // A late timer may catch up on one slice, no more: after a pause the line must not burst.
      const from = Math.max(this.#nextSliceAtMs, nowMs - bandwidthSliceMs);
      this.#nextSliceAtMs = from + (slice.length / bandwidthBytesPerSecond) * 1000;
    }
    this.bytesDelivered += slice.length;
    this.#sink.write(slice);
  }

  /**
   * A chunk usually ends where a frame ends, and may hold several frames: without its last byte, the last frame is
   * incomplete for certain, while half of the chunk could be a whole frame.
   */
  #shortenFirstChunk(parcel: Parcel & { bytes: Buffer }): void {
    const { arrivedAtMs, jitterShare } = parcel;
    this.cutsNextChunk = false;
    parcel.bytes = parcel.bytes.subarray(0, -1);
    this.#parcels = [parcel, { arrivedAtMs, jitterShare, kind: 'cut' }];
    this.#heldBytes = parcel.bytes.length;
  }

  #deliverEnd(end: LaneEnd): void {
    this.#parcels.shift();
    if (end === 'fin') this.#sink.end();
    this.#onEnd(end);
  }

  /** Back-pressure: the source's own TCP window closes while this lane holds as much as it may. */
  #regulateSource(): void {
    const isFull = this.#heldBytes >= this.#conditions.heldBytesMax || this.#parcels.length >= heldParcelsMax;
    if (this.#stopped || isFull === this.#source.isPaused()) return;
    if (isFull) this.#source.pause();
    else this.#source.resume();
  }

  #wakeIn(waitMs: number): void {
    // Node cuts a timer's fraction off; rounding up keeps it from waking before the parcel is due.
    const timer = setTimeout(() => this.advance(), Math.ceil(waitMs));
    this.#cancelWake = () => clearTimeout(timer);
  }

  #wakeNextTurn(): void {
    const immediate = setImmediate(() => this.advance());
    this.#cancelWake = () => clearImmediate(immediate);
  }
}
