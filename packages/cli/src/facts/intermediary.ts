/**
 * What Holdfast knows about the things that stand between a WebSocket client and its server.
 * Every number and every advice carries its source, so that a reader can judge it and a later
 * version can correct it. `measured` means: seen on the real program, in the version named.
 */
export type Source =
  | { readonly kind: 'docs' | 'code' | 'standard' | 'secondary'; readonly name: string }
  | { readonly kind: 'measured'; readonly name: string };

/** How far a fact can be trusted when the doctor turns it into a confidence. */
export type Certainty = 'confirmed' | 'reported';

/** How traffic must flow to hold an idle timer back. */
export type IdleDirection =
  /** Bytes in either direction re-arm the one timer. */
  | 'either'
  /** Each direction has its own timer, and both must be fed. */
  | 'both-required'
  /** Only bytes from the origin are documented to count. */
  | 'origin-to-client'
  | 'unknown';

export type IdleLimit =
  | {
      readonly kind: 'timer';
      readonly defaultMs: number;
      readonly direction: IdleDirection;
      /** A WebSocket ping or pong re-arms it; `undefined` where nobody says. */
      readonly pingCounts?: boolean;
      /** A TCP keepalive probe re-arms it. */
      readonly tcpKeepaliveCounts: boolean;
      /** How the death looks: a close of TCP, a reset, or silence until somebody sends. */
      readonly ending: 'fin' | 'reset' | 'silent' | 'close-frame' | 'unknown';
      readonly certainty: Certainty;
      readonly source: Source;
    }
  | { readonly kind: 'none'; readonly source: Source }
  | { readonly kind: 'unknown'; readonly source: Source };

/** A cut at an age, however busy the connection is. */
export interface LifetimeLimit {
  readonly defaultMs: number;
  readonly certainty: Certainty;
  readonly note: string;
  readonly source: Source;
}

/** One sign in the answer to a handshake or a plain request. Every listed part must match. */
export interface Marker {
  /** Lower-case header name; absent when the sign is in the body. */
  readonly header?: string;
  /** Matched against the header's value, or against the body; absent: presence is enough. */
  readonly pattern?: RegExp;
  /** `strong`: only this product does that. `weak`: others could. */
  readonly strength: 'strong' | 'weak';
}

export type FixTopic =
  | 'upgrade'
  | 'idle'
  | 'lifetime'
  | 'reload'
  | 'capacity'
  | 'rate'
  | 'redirect'
  | 'half-open'
  | 'host';

export interface SettingFix {
  readonly topic: FixTopic;
  readonly setting: string;
  /** What holds while the setting is absent, in the product's own words. */
  readonly default: string;
  /** Where the line goes: a path, or the section of a console. */
  readonly file: string;
  /** `{seconds}` stands for the wanted idle time. */
  readonly snippet: string;
  readonly why: string;
  readonly source: Source;
}

export interface Note {
  readonly text: string;
  readonly source: Source;
}

export type IntermediaryKind = 'proxy' | 'load-balancer' | 'cdn' | 'platform' | 'nat' | 'system' | 'browser';

export interface Intermediary {
  readonly id: string;
  readonly name: string;
  readonly kind: IntermediaryKind;
  readonly markers: readonly Marker[];
  readonly idle: IdleLimit;
  readonly lifetime?: LifetimeLimit;
  readonly fixes: readonly SettingFix[];
  readonly notes: readonly Note[];
}

export const docs = (name: string): Source => ({ kind: 'docs', name });
export const code = (name: string): Source => ({ kind: 'code', name });
export const standard = (name: string): Source => ({ kind: 'standard', name });
export const secondary = (name: string): Source => ({ kind: 'secondary', name });
export const measured = (name: string): Source => ({ kind: 'measured', name });

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;
