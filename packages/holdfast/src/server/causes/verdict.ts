import type { CloseName } from '../../protocol/close-codes.ts';
import type { WireRecord } from '../../protocol/schema.ts';
import type { Stall } from '../wheel.ts';

/**
 * Why a connection ended: the closed list (SPEC CAUSE-3 says what each means and what to do). The list grows
 * only with the protocol's version, since people's dashboards count by it.
 */
export const causeIds = [
  'client-closed',
  'server-drain',
  'server-crash',
  'server-closed',
  'auth-expired',
  'idle-cut-by-intermediary',
  'lifetime-cut-by-intermediary',
  'network-lost',
  'network-changed',
  'half-open',
  'device-slept',
  'tab-frozen',
  'too-big',
  'protocol-error',
  'overload',
  'superseded',
  'unknown',
] as const;
export type CauseId = (typeof causeIds)[number];

/** What something in between may be set to. */
export type LimitId = 'idle-cut-by-intermediary' | 'lifetime-cut-by-intermediary';

export interface Verdict {
  readonly id: CauseId;
  /** 0 to 1; 0 for `unknown`. From `HIGH_CONFIDENCE` up it may be acted upon without a look at the evidence. */
  readonly confidence: number;
  /** Sentences for people, the most telling first. */
  readonly evidence: readonly string[];
  readonly fix?: string;
  /** The limit of an intermediary, as far as it was found out. */
  readonly seconds?: number;
}

export const HIGH_CONFIDENCE = 0.8;

/** What a client says of its lost connection. It may be absent, wrong, or made up: it is never taken further than it fits. */
export type ClientFlight = Omit<WireRecord<'flight'>, 'type'>;

/** What this node knows of a connection that ended here. */
export interface ServerFlight {
  /** The client's own number for it. */
  readonly connection: number;
  readonly openMs: number;
  /** How long nothing had come, and nothing had gone, as of its end; to a second. */
  readonly silentInMs: number;
  readonly silentOutMs: number;
  /** Who ended it, as seen from here; `nobody` while it still stood when the session's next connection came. */
  readonly endedBy: 'server' | 'peer' | 'nobody';
  /** A name of the closed list (SPEC CLOSE-2), or the WebSocket close code when nobody of ours closed it. */
  readonly reason: CloseName | number;
  readonly endedAtMs: number;
  /** It was asked to move: this node was being drained. */
  readonly wasToldToGo: boolean;
  /** The client's network, as `addressMark` has it. */
  readonly address: number;
}

/** A connection of this node that something cut, as far as it helps to explain others. */
export interface Cut {
  readonly atMs: number;
  readonly openMs: number;
  /** How long no byte had gone either way. */
  readonly quietMs: number;
  /** Told by a client, to a few milliseconds; else by this node, to a second. */
  readonly isExact: boolean;
  /** The limit that it was put down to. */
  limit: LimitId | undefined;
}

/** What this node knows of the process that a connection was to. */
export type NodeFate =
  | { readonly state: 'here' }
  /** It was never heard, as another that began after it had ended, or nobody is heard just now. */
  | { readonly state: 'unheard' }
  /** It said goodbye. */
  | { readonly state: 'left' }
  /** Its process is on this machine, and is no more. */
  | { readonly state: 'ended'; readonly heardAtMs: number }
  /** It shows itself that often, and did last at that time; `silent` for so long that it is taken for dead. */
  | { readonly state: 'alive' | 'silent'; readonly heardAtMs: number; readonly everyMs: number };

export interface Surroundings {
  readonly nowMs: number;
  /** When this process started. */
  readonly startedAtMs: number;
  /** The process that the lost connection was to. */
  readonly node: NodeFate;
  /** The address of the session's next connection, as in `ServerFlight`. */
  readonly address: number;
  /** The last time that this process did not run, and for how long. */
  readonly stall: Stall | undefined;
  /** Others, oldest first. */
  readonly cuts: readonly Cut[];
}

export interface Evidence {
  readonly client: ClientFlight | undefined;
  readonly server: ServerFlight | undefined;
  readonly around: Surroundings;
}

/** What may have been the cause, and how much speaks for it, before it is weighed against the others. */
export interface Suspicion {
  readonly id: Exclude<CauseId, 'unknown'>;
  readonly confidence: number;
  readonly because: string;
  readonly fix?: string | undefined;
  readonly seconds?: number | undefined;
}
