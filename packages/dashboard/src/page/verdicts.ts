import type { Status } from 'holdfast/client';

/** One loss of a connection, and what has been found out about it. */
export interface Drop {
  readonly atMs: number;
  /** When the client was back: the verdict is there some time after, or the server has none. */
  backAtMs: number | undefined;
  /** The verdict's name (SPEC CAUSE-3). */
  id: string | undefined;
  /** The evidence; before there is a verdict, what the client noticed by itself. */
  text: string;
  /** 0 to 1. */
  confidence: number | undefined;
  fix: string;
}

const DROPS_MAX = 3;
/** The verdict follows the welcome at once, but where it takes other nodes some beats to find one dead. */
const VERDICT_WITHIN_MS = 30_000;

/**
 * The latest drops of one client, told from its status alone: a drop begins when a connection that was live is gone.
 * Its verdict follows the next welcome, because client and server look at it together; with a second connection at
 * hand, a drop is over before it shows, and the verdict is all that is seen of it.
 */
export class Verdicts {
  /** Newest first. */
  readonly drops: Drop[] = [];
  private wasLive = false;
  private verdict: Status['cause'];

  note({ phase, cause }: Pick<Status, 'phase' | 'cause'>, nowMs: number): void {
    const isLive = phase === 'live' || phase === 'suspect' || phase === 'draining';
    if (this.wasLive && !isLive) this.begin(nowMs);
    this.wasLive = isLive;
    const drop = this.drops[0];
    if (cause?.confidence !== undefined) {
      if (cause !== this.verdict) this.explain(cause, nowMs);
    } else if (drop && !isLive && cause) drop.text = drop.text || cause.text;
    if (drop && isLive) drop.backAtMs ??= nowMs;
  }

  private begin(nowMs: number): Drop {
    const drop = {
      atMs: nowMs,
      backAtMs: undefined,
      id: undefined,
      confidence: undefined,
      text: '',
      fix: '',
    };
    this.drops.unshift(drop);
    this.drops.splice(DROPS_MAX);
    return drop;
  }

  private explain(cause: NonNullable<Status['cause']>, nowMs: number): void {
    this.verdict = cause;
    const newest = this.drops[0];
    const isAboutNewest =
      newest && newest.id === undefined && nowMs - (newest.backAtMs ?? nowMs) < VERDICT_WITHIN_MS;
    const drop = isAboutNewest ? newest : this.begin(nowMs);
    const { code: id, text, confidence, fix = '' } = cause;
    Object.assign(drop, { backAtMs: nowMs, id, text, confidence, fix });
  }
}
