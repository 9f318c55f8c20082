import { describe, expect, it } from 'vitest';
import {
  type BrowserMeasured,
  browserVerdict,
  type Silence,
} from '../../src/doctor-page/page/browser-verdict.ts';
import { shownAddress } from '../../src/doctor/shown-address.ts';

const open: BrowserMeasured = {
  upgrade: { kind: 'open', ms: 10, subprotocol: '' },
  probe: null,
  closedAtOnce: null,
  idle: null,
};
const failed: BrowserMeasured = { ...open, upgrade: { kind: 'failed', ms: 10 } };
const silence = (gapMs: number, change: Partial<Silence> = {}): Silence => ({
  gapMs,
  outcome: 'lived',
  atMs: gapMs,
  code: 0,
  reason: '',
  ...change,
});
const cut = (gapMs: number, atMs: number): Silence => silence(gapMs, { outcome: 'closed', atMs, code: 1006 });

describe('what a page could see, in the verdicts of the doctor', () => {
  it.each([
    [401, 'not-authorized'],
    [403, 'not-authorized'],
    [404, 'not-found'],
    [426, 'upgrade-lost'],
    [429, 'rate-limited'],
    [302, 'redirected'],
    [200, 'not-websocket'],
    [500, 'server-error'],
    [502, 'backend-unavailable'],
    [504, 'backend-silent'],
  ] as const)('%i instead of 101: %s', (status, id) => {
    const verdict = browserVerdict({ ...failed, probe: { kind: 'status', by: 'holdfast', status } });
    expect(verdict.id).toBe(id);
    expect(verdict.evidence.join(' ')).toContain(String(status));
  });

  it('no status: whether it is out of reach, hidden, or the Origin', () => {
    const idFor = (probe: BrowserMeasured['probe']): string => browserVerdict({ ...failed, probe }).id;
    expect(idFor({ kind: 'unreachable', by: 'this page', why: 'offline' })).toBe('unreachable');
    expect(idFor({ kind: 'hidden' })).toBe('not-websocket');
    expect(idFor({ kind: 'opens', by: 'holdfast', withPageOrigin: false })).toBe('origin-refused');
    expect(idFor({ kind: 'opens', by: 'holdfast', withPageOrigin: true })).toBe('not-measured');
    expect(idFor(null)).toBe('not-measured');
  });

  it('a policy of the browser is no fault of the server', () => {
    const verdict = browserVerdict({ ...open, upgrade: { kind: 'blocked', why: 'mixed content' } });
    expect(verdict).toMatchObject({
      id: 'not-measured',
      evidence: [expect.stringContaining('mixed content')],
    });
  });

  it('silence that all survive', () => {
    const idle = { silences: [silence(500), silence(4_000)], busyEndedAtMs: null };
    expect(browserVerdict({ ...open, idle })).toMatchObject({
      id: 'stable',
      evidence: ['4.0 s of silence survive.'],
    });
  });

  it('silence that is closed: a limit of silence, or of age when a busy one ends too', () => {
    const silences = [silence(500), cut(8_000, 2_100), cut(4_000, 2_000)];
    const verdictFor = (busyEndedAtMs: number | null | undefined) =>
      browserVerdict({ ...open, idle: { silences, busyEndedAtMs } });
    expect(verdictFor(null)).toMatchObject({ id: 'idle-limit', limitMs: 2_000 });
    expect(verdictFor(2_050)).toMatchObject({ id: 'lifetime-limit', limitMs: 2_000 });
    expect(verdictFor(undefined).evidence.join(' ')).toContain('is not known');
  });

  it('silence after which nothing comes back', () => {
    const silences = [silence(500), silence(4_000, { outcome: 'forgotten' })];
    expect(browserVerdict({ ...open, idle: { silences, busyEndedAtMs: null } })).toMatchObject({
      id: 'idle-forgotten',
      limitMs: 4_000,
    });
  });

  it('nothing is said of what was not tried', () => {
    const silences = [silence(500, { outcome: 'not-opened' })];
    expect(browserVerdict({ ...open, idle: { silences, busyEndedAtMs: undefined } }).id).toBe('not-measured');
    expect(browserVerdict(open).id).toBe('not-measured');
  });
});

it('shows of an address neither its password nor its query', () => {
  expect(shownAddress('wss://example.com/live')).toBe('wss://example.com/live');
  expect(shownAddress('wss://ann:secret@example.com/live?token=x&to=a@b#c')).toBe(
    'wss://…@example.com/live?…',
  );
});
