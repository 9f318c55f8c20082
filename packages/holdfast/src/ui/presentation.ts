/** What is read of a client's status; `holdfast/client` and `holdfast/websocket` give it, and others may. */
export interface ShownStatus {
  readonly phase: string;
  /** When the phase began, in milliseconds since 1970. */
  readonly since: number;
  readonly retryAt?: number | undefined;
  readonly queued?: number;
  readonly unacknowledged?: number;
  readonly cause?: { readonly code: string; readonly text: string } | undefined;
}

/** Who is at fault, as far as is known, in words that people can act on. */
export type Trouble =
  /** This device says that it has no network. */
  | 'offline'
  /** The way to the server. */
  | 'network'
  | 'server'
  /** The application itself; neither waiting nor another network mends it. */
  | 'app'
  | 'unknown'
  | 'signedOut'
  | 'elsewhere'
  | 'ended'
  | 'outdated';

export type Action = 'retry' | 'signIn' | 'takeBack' | 'reload';

export type View =
  | { readonly name: 'nothing' }
  | { readonly name: 'quiet'; readonly isFirst: boolean }
  | {
      readonly name: 'banner';
      readonly trouble: Trouble;
      readonly action: Action;
      /** Publishes and requests that wait for their answers. */
      readonly waiting: number;
      readonly retryInS: number | undefined;
    }
  | { readonly name: 'back' };

/**
 * What must be remembered from one look to the next.
 *
 *   new ──live──▶ well ◀────────────── 2 s ──── back
 *    │             │ ▲                           ▲
 *    │ not live    │ └── live, no banner was ──┐ │ live, after a banner
 *    └─────────────┴──────────────────────────▶ out
 */
export type Outlook =
  | { readonly name: 'new' | 'well' }
  | { readonly name: 'out'; readonly sinceMs: number; readonly isFirst: boolean; readonly view: View }
  | { readonly name: 'back'; readonly untilMs: number };

export interface Presentation {
  outlook: Outlook;
  view: View;
  /** When to look again if nothing happens before. */
  nextMs: number | undefined;
}

/** Most breaks are over by then, and a flicker would only worry people. */
const QUIET_AFTER_MS = 1_500;
/** A device that wakes up finds its connection dead as a rule, and has it back soon. */
const QUIET_AFTER_WAKE_MS = 4_000;
const BANNER_AFTER_MS = 10_000;
const BACK_MS = 2_000;
/** Below this a countdown only makes nervous. */
const COUNTDOWN_MIN_MS = 5_000;

const nothing: View = { name: 'nothing' };

/** What people see of a status, `wokeAtMs` being when the page last came back from sleep or from hiding. */
export function present(
  outlook: Outlook,
  status: ShownStatus,
  nowMs: number,
  wokeAtMs = -Infinity,
): Presentation {
  const { phase } = status;
  // A connection that is being moved works as well as any, and one that the application closed is nobody's trouble.
  if (phase === 'live' || phase === 'draining' || phase === 'closed')
    return presentWell(outlook, phase, nowMs);

  const known = outlook.name === 'out' ? outlook : undefined;
  const sinceMs = known?.sinceMs ?? Math.min(status.since, nowMs);
  const isFirst = known?.isFirst ?? outlook.name === 'new';
  const quietAtMs = Math.max(sinceMs + QUIET_AFTER_MS, wokeAtMs + QUIET_AFTER_WAKE_MS);
  // What happened while nobody looked is not held against those who look now.
  const bannerAtMs = phase === 'failed' ? nowMs : Math.max(sinceMs, wokeAtMs) + BANNER_AFTER_MS;

  const out = (view: View, nextMs: number | undefined): Presentation => ({
    outlook: { name: 'out', sinceMs, isFirst, view },
    view,
    nextMs,
  });
  if (nowMs >= bannerAtMs) {
    const { view, nextMs } = bannerOf(status, nowMs);
    return out(view, nextMs);
  }
  return nowMs < quietAtMs ? out(nothing, quietAtMs) : out({ name: 'quiet', isFirst }, bannerAtMs);
}

function presentWell(outlook: Outlook, phase: string, nowMs: number): Presentation {
  const back =
    outlook.name === 'back'
      ? outlook
      : outlook.name === 'out' && outlook.view.name === 'banner'
        ? ({ name: 'back', untilMs: nowMs + BACK_MS } as const)
        : undefined;
  if (phase !== 'closed' && back && nowMs < back.untilMs)
    return { outlook: back, view: { name: 'back' }, nextMs: back.untilMs };
  return { outlook: { name: 'well' }, view: nothing, nextMs: undefined };
}

function bannerOf(status: ShownStatus, nowMs: number): { view: View; nextMs: number | undefined } {
  const { phase, retryAt, queued = 0, unacknowledged = 0 } = status;
  const trouble = troubleOf(status);
  const leftMs = phase === 'failed' || retryAt === undefined ? 0 : retryAt - nowMs;
  const counts = leftMs >= COUNTDOWN_MIN_MS;
  return {
    view: {
      name: 'banner',
      trouble,
      action: actionOf[trouble] ?? 'retry',
      waiting: queued + unacknowledged,
      retryInS: counts ? Math.ceil(leftMs / 1_000) : undefined,
    },
    // At the next whole second, or right after the last one that is shown.
    nextMs: counts ? nowMs + (leftMs % 1_000 || 1_000) : undefined,
  };
}

const actionOf: Partial<Record<Trouble, Action>> = {
  signedOut: 'signIn',
  elsewhere: 'takeBack',
  ended: 'reload',
  outdated: 'reload',
};

/** Where a cause's code points (SPEC CLOSE-2, CAUSE-3); whatever stands in no line points nowhere. */
const codesOf: Partial<Record<Trouble, RegExp>> = {
  signedOut: /^(unauthorized|token-expired|auth-expired|http-401)$/,
  elsewhere: /^superseded$/,
  ended: /^(ended-by-server|gave-up)$/,
  outdated: /^unsupported-version$/,
  network: /^(offline|network-lost|network-changed|half-open)$/,
  server:
    /^(gone|going-away|overloaded|overload|internal-error|(log|auth)-unavailable|server-(crash|drain|closed)|http-(429|5\d\d))$/,
  app: /^(protocol-error|too-big|policy-violation|invalid-option|http-4\d\d)$/,
};

function troubleOf({ phase, cause }: ShownStatus): Trouble {
  if (phase === 'offline') return 'offline';
  const code = cause?.code ?? '';
  for (const [trouble, codes] of Object.entries(codesOf)) if (codes.test(code)) return trouble as Trouble;
  return phase === 'failed' ? 'app' : 'unknown';
}
