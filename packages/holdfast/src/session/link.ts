import type { WireRecord } from '../protocol/schema.ts';
import type { BackoffOptions } from './backoff.ts';
import type { HeartbeatInterval } from './heartbeat-interval.ts';
import type { Aliases } from './subscriptions.ts';

/** One attempt at a connection, and the connection that comes of it. */
export interface Link {
  /** Counts this session's links; the server tells by it which of two is newer. */
  readonly id: number;
  stage: 'dialing' | 'greeting' | 'live';
  /** The last token was refused, so another must be asked for; a refusal of that one is final. */
  tokenRejected: boolean;
  greetedAtMs: number;
  /** Nothing but the hello goes out before the welcome. */
  bare: boolean;
  /** What its hello said was sent before it. */
  sentBefore?: [publish: number, request: number];
  /** Of the path that it takes; the driver sets it before it says that the link is open. */
  interval: HeartbeatInterval;
  readonly aliases: Aliases;
  /** What leaves at the end of the turn. */
  pending: WireRecord[];
}

/** Why the connection is not live, or last was not. */
export interface Cause {
  /** The server's verdict (SPEC CAUSE-2) when it has given one; until then a close's name or the client's own word. */
  readonly code: string;
  /** A sentence for people: what happened, or the evidence for the verdict. */
  readonly text: string;
  /** How sure the verdict is, 0 to 1. */
  readonly confidence?: number;
  /** What to change, where there is something; else empty. */
  readonly fix?: string;
}

export interface LinksConfig {
  backoff: BackoffOptions;
  connectTimeoutMs: number;
  random: () => number;
}

/** What the links ask of their driver. None of these may call back before it returns. */
export interface LinksHost {
  dial(link: Link): void;
  /** Sends what is pending on the link, and lets it go. */
  drop(link: Link, code: number): void;
  /** Who answers the link wants nobody before then; gives when the next attempt is due, undefined when elsewhere. */
  turnedAway(link: Link, slotAtMs: number): number | undefined;
  probed(rttMs: number): void;
  /** What `status` shows is another. */
  changed(): void;
}
