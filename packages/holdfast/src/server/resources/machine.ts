/** How much of something is in use, and how much there may be. */
export interface Use {
  readonly used: number;
  readonly limit: number;
}

/** What a process has of its machine at one moment. */
export interface Reading {
  /** Bytes, without what the heap holds in reserve: resident against RAM, or a cgroup's against its limit. */
  readonly memory: Use;
  /** Bytes: V8's heap against its own limit; undefined on an engine whose heap has none. */
  readonly heap: Use | undefined;
  /** Open files, sockets among them, against the soft limit; undefined where the system does not tell. */
  readonly files: Use | undefined;
  /** How late the event loop was, on average, since the last reading. */
  readonly eventLoopDelayMs: number;
}

/** The port behind which the process's resources are; tests read what they want there. */
export interface Machine {
  read(): Reading;
  close(): void;
}
