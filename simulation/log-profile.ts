/** How a log fails depends on what it is made of; each seed has a log of one kind. */
export interface LogProfile {
  readonly name: 'memory' | 'lmdb' | 'redis' | 'nats';
  /** It goes with the process that has it. */
  readonly isVolatile: boolean;
  /** Offsets count a topic's own messages; else those of the whole log, so that a topic's have holes. */
  readonly countsByTopic: boolean;
  /** What a node had asked for goes with the node; else it is on its way, and may still be done. */
  readonly dropsUnanswered: boolean;
  /** A failover takes back what was acknowledged, and tells by a new epoch. */
  readonly rollsBack: boolean;
  /** What is told between nodes does not always arrive. */
  readonly losesLive: boolean;
  /** A live message may come again, even behind a later one. */
  readonly repeatsLive: boolean;
}

/** In the memory of the only node. */
export const memory: LogProfile = {
  name: 'memory',
  isVolatile: true,
  countsByTopic: true,
  dropsUnanswered: true,
  rollsBack: false,
  losesLive: false,
  repeatsLive: false,
};

/** On the disk of the nodes' machine: a crash loses what was not flushed, which nobody was told of. */
export const lmdb: LogProfile = { ...memory, name: 'lmdb', isVolatile: false, losesLive: true };

/** Copied to its replicas after it has answered. */
export const redis: LogProfile = {
  name: 'redis',
  isVolatile: false,
  countsByTopic: false,
  dropsUnanswered: false,
  rollsBack: true,
  losesLive: true,
  repeatsLive: false,
};

/** Agreed on by its replicas before it answers. */
export const nats: LogProfile = { ...redis, name: 'nats', rollsBack: false, repeatsLive: true };
