/** What the cluster's supervisor, its nodes and its page tell each other. Plain data, all of it JSON. */
import type { Mark, Published } from '../events.ts';

export const nodeNames = ['A', 'B'] as const;
export type NodeName = (typeof nodeNames)[number];
export type LogKind = 'redis' | 'nats';

/** What the page may ask for: `POST /control`. What lasts ends by itself, or with `on: false`. */
export type ClusterCommand =
  | { readonly action: 'kill'; readonly node: NodeName }
  | { readonly action: 'cut-off'; readonly node: NodeName; readonly on: boolean }
  | { readonly action: 'pause-log'; readonly on: boolean };

export const CUT_OFF_MS = 10_000;
export const PAUSE_MS = 10_000;
/** A node that died is back after this. */
export const NODE_BACK_MS = 3_000;

/** What a node says of itself twice a second. */
export interface NodeFigures {
  readonly connections: number;
  /** How many nodes it hears on the log, with itself. */
  readonly nodes: number;
  /** Why it can't use its log, or an empty string. */
  readonly trouble: string;
}

export interface NodeState extends NodeFigures {
  readonly name: NodeName;
  readonly phase: 'starting' | 'up' | 'down';
  readonly processId: number | undefined;
  /** Until when it is cut off from the log. */
  readonly cutOffUntilMs: number | undefined;
}

export interface ClusterState {
  readonly nodes: readonly NodeState[];
  /** Messages that the publisher has sent or keeps, and that are not acknowledged. */
  readonly waiting: number;
  readonly logPausedUntilMs: number | undefined;
}

/** The events of `GET /events`, by name. */
export interface ClusterFeed {
  hello: {
    readonly run: string;
    /** Where nginx listens. */
    readonly port: number;
    readonly log: LogKind;
    readonly state: ClusterState;
  };
  published: Published;
  state: ClusterState;
  mark: Mark;
}

/** From a node's process. */
export type FromNode =
  | { readonly type: 'listening'; readonly port: number }
  | ({ readonly type: 'figures' } & NodeFigures);

/** The method that says which node answers it. */
export const NODE_METHOD = 'node';
