/** A place in a topic: everything up to and including `offset`, in the log's life `epoch`. */
export interface Position {
  /** Another one when the log's memory was lost or rolled back: offsets of two epochs have nothing in common. */
  readonly epoch: number;
  /** Counts from 1 and rises with each message, not always by one; 0 is before the first. */
  readonly offset: number;
}
