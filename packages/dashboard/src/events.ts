/** What the supervisor, the server process and the page tell each other. Plain data, all of it JSON. */

/** A message that the server process acknowledged as published: the truth that both lanes are judged by. */
export interface Published {
  readonly n: number;
  readonly atMs: number;
}

/** What a message on the lanes holds. */
export type Numbered = Published;

/** Faults that strike once, and those that last until they are taken away. */
export const strikes = ['cut', 'reset', 'cut-mid-frame', 'restart', 'kill', 'clear'] as const;
export const lastingFaults = [
  'black-hole',
  'black-hole-up',
  'black-hole-down',
  'latency',
  'jitter',
  'bandwidth',
  'split',
  'refuse',
  'idle-cut',
  'lifetime-cut',
] as const;
export type Strike = (typeof strikes)[number];
export type LastingFault = (typeof lastingFaults)[number];

/** What a page may ask of the supervisor: `POST /control`. */
export type Command = { readonly action: Strike } | { readonly action: LastingFault; readonly on: boolean };

export const BLACK_HOLE_MS = 10_000;
export const LATENCY_MS = 2_000;
export const JITTER_MS = 600;
export const BANDWIDTH_BYTES_PER_SECOND = 500;
export const IDLE_CUT_MS = 3_000;
export const LIFETIME_CUT_MS = 5_000;
/** While connections are cut for being idle, there must be silence long enough to be cut in. */
export const SPARSE_PUBLISH_MS = 3_500;
export const PUBLISH_MS = 250;
export const RESTART_AFTER_MS = 2_000;

/** How far each line is, in milliseconds of latency each way. The faults strike the first one only. */
export const LINES_LATENCY_MS = [0, 30, 80] as const;

export interface PanelState {
  readonly server: 'starting' | 'up' | 'moving' | 'down';
  readonly processId: number | undefined;
  /** The lasting faults in force, each with the time when it ends by itself, or null. */
  readonly faults: Readonly<Partial<Record<LastingFault, number | null>>>;
}

/** A moment on both timelines at which something was broken or mended. */
export interface Mark {
  readonly label: string;
  readonly atMs: number;
}

/** The events of `GET /events`, by name. */
export interface FeedEvents {
  /** First on every stream. Another `run` than before means another supervisor. */
  hello: {
    readonly run: string;
    /** Where the lines begin; the first is the one that both lanes share. */
    readonly linePorts: readonly number[];
    /** Where the server process keeps its topics: `memory`, `lmdb`, `redis`, `nats`. */
    readonly log: string;
    readonly state: PanelState;
  };
  published: Published;
  state: PanelState;
  mark: Mark;
}

/** From the supervisor to the server process. `retire`: let every client move, then end. */
export type ToServer = { readonly type: 'publish'; readonly n: number } | { readonly type: 'retire' };

export type FromServer =
  | { readonly type: 'listening'; readonly port: number }
  | ({ readonly type: 'published' } & Published);

export const PLAIN_PATH = '/plain';
export const HOLDFAST_PATH = '/holdfast';
export const TICKS_TOPIC = 'ticks';
export const NOTES_TOPIC = 'notes';
