/** A place in a topic: everything up to and including `offset`, in the log's life `epoch`. */
export interface Position {
  readonly epoch: number;
  readonly offset: number;
}
