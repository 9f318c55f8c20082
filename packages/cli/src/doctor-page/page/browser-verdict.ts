import type { VerdictId } from '../../doctor/verdict/verdict-id.ts';

/** What an HTTP request to the same address met; `by` says who asked. */
export type Probe =
  | { readonly kind: 'status'; readonly by: 'this page' | 'holdfast'; readonly status: number }
  /** The handshake itself works from Holdfast, with the page's Origin or only without it. */
  | { readonly kind: 'opens'; readonly by: 'holdfast'; readonly withPageOrigin: boolean }
  /** Something answered, but a page of another origin is not told what (Fetch, opaque responses). */
  | { readonly kind: 'hidden' }
  | { readonly kind: 'unreachable'; readonly by: 'this page' | 'holdfast'; readonly why: string };

export type Upgrade =
  | { readonly kind: 'open'; readonly ms: number; readonly subprotocol: string }
  | { readonly kind: 'failed'; readonly ms: number }
  | { readonly kind: 'blocked'; readonly why: string };

/** A connection that was left silent. */
export interface Silence {
  readonly gapMs: number;
  readonly outcome: 'lived' | 'closed' | 'forgotten' | 'not-opened';
  /** When it was closed, since it was opened. */
  readonly atMs: number;
  readonly code: number;
  readonly reason: string;
}

export interface Idle {
  readonly silences: readonly Silence[];
  /** When the connection that was never silent ended; null: it lived. undefined: the server answers nothing. */
  readonly busyEndedAtMs: number | null | undefined;
}

export interface BrowserMeasured {
  readonly upgrade: Upgrade;
  readonly probe: Probe | null;
  /** A connection that the server closed within a second. */
  readonly closedAtOnce: { readonly code: number; readonly reason: string } | null;
  readonly idle: Idle | null;
}

export interface BrowserVerdict {
  readonly id: VerdictId;
  readonly evidence: readonly string[];
  /** The idle limit or the age that was found. */
  readonly limitMs: number | null;
}

const inSeconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
const found = (
  id: VerdictId,
  evidence: readonly string[],
  limitMs: number | null = null,
): BrowserVerdict => ({
  id,
  evidence,
  limitMs,
});

/** What a page could see, in the verdicts of the doctor. Pure. */
export function browserVerdict(measured: BrowserMeasured): BrowserVerdict {
  const { upgrade, probe, closedAtOnce, idle } = measured;
  if (upgrade.kind === 'blocked') {
    return found('not-measured', [`The browser itself does not allow it: ${upgrade.why}`]);
  }
  if (upgrade.kind === 'failed') return refusedVerdict(probe);
  if (closedAtOnce !== null) {
    const { code, reason } = closedAtOnce;
    return found('closed-at-once', [`It was closed right after it opened: ${closeText(code, reason)}.`]);
  }
  return idle === null ? found('not-measured', ['Silence was not tested.']) : idleVerdict(idle);
}

function refusedVerdict(probe: Probe | null): BrowserVerdict {
  const failed = 'The handshake failed; a page is never told why (close code 1006).';
  if (probe === null) return found('not-measured', [failed, 'No HTTP request was tried.']);
  switch (probe.kind) {
    case 'hidden':
      return found('not-websocket', [
        failed,
        'Something answers HTTP there, but not to pages of this origin: run holdfast doctor, or open this page from the same site.',
      ]);
    case 'unreachable':
      return found('unreachable', [failed, `An HTTP request by ${probe.by} reached nothing: ${probe.why}.`]);
    case 'opens':
      return probe.withPageOrigin
        ? found('not-measured', [
            failed,
            'From Holdfast it works: an extension, a proxy or a policy of this browser stops it.',
          ])
        : found('origin-refused', [failed, 'The same handshake without the Origin of this page is let in.']);
    case 'status':
      return found(idOfStatus(probe.status), [
        failed,
        `An HTTP request by ${probe.by} is answered with ${probe.status}.`,
      ]);
  }
}

export function idOfStatus(status: number): VerdictId {
  if (status === 401 || status === 403 || status === 407) return 'not-authorized';
  if (status === 404 || status === 410) return 'not-found';
  if (status === 429) return 'rate-limited';
  // The server asks for the very upgrade that the handshake held (RFC 9110, 15.5.22).
  if (status === 426) return 'upgrade-lost';
  if (status === 502 || status === 503) return 'backend-unavailable';
  if (status === 504) return 'backend-silent';
  if (status >= 500) return 'server-error';
  if (status >= 300 && status < 400) return 'redirected';
  return 'not-websocket';
}

export function closeText(code: number, reason: string): string {
  return `code ${code}${reason === '' ? '' : ` "${reason}"`}`;
}

function idleVerdict({ silences, busyEndedAtMs }: Idle): BrowserVerdict {
  const closed = silences
    .filter(({ outcome }) => outcome === 'closed')
    .toSorted((a, b) => a.atMs - b.atMs)[0];
  const forgotten = silences.find(({ outcome }) => outcome === 'forgotten');
  const longest = Math.max(
    0,
    ...silences.filter(({ outcome }) => outcome === 'lived').map(({ gapMs }) => gapMs),
  );
  if (silences.every(({ outcome }) => outcome === 'not-opened')) {
    return found('not-measured', ['No connection could be opened to stay silent.']);
  }
  if (closed === undefined) {
    if (forgotten === undefined) return found('stable', [`${inSeconds(longest)} of silence survive.`]);
    return found(
      'idle-forgotten',
      [`After ${inSeconds(forgotten.gapMs)} of silence nothing came back, and nobody had closed it.`],
      forgotten.gapMs,
    );
  }
  const evidence = [
    `A silent connection was closed after ${inSeconds(closed.atMs)}: ${closeText(closed.code, closed.reason)}.`,
  ];
  if (typeof busyEndedAtMs === 'number') {
    evidence.push(`One that was never silent ended after ${inSeconds(busyEndedAtMs)}, too.`);
    return found('lifetime-limit', evidence, closed.atMs);
  }
  evidence.push(
    busyEndedAtMs === null
      ? 'One that was never silent lived on.'
      : 'Whether its age or its silence was the cause is not known: give a text that the server answers.',
  );
  return found('idle-limit', evidence, closed.atMs);
}
