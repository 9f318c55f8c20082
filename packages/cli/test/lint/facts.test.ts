import { describe, expect, it } from 'vitest';
import {
  fixFor,
  heartbeatForIdleTimeoutMs,
  idleTimeoutForHeartbeatMs,
  intermediaries,
  intermediaryById,
  recognise,
  renderSnippet,
  withIdleLimitNear,
} from '../../src/facts/intermediaries.ts';

const ids = (found: readonly { readonly id: string }[]) => found.map(({ id }) => id);

describe('the facts about intermediaries', () => {
  it('name each intermediary once', () => {
    expect(new Set(ids(intermediaries)).size).toBe(intermediaries.length);
    expect(intermediaries.length).toBeGreaterThanOrEqual(49);
  });

  it('give every fix a snippet, a place and a source', () => {
    for (const { id, fixes } of intermediaries) {
      for (const fix of fixes) {
        const parts = [fix.snippet, fix.file, fix.why, fix.default, fix.source.name];
        expect(
          parts.filter((part) => part.trim() === ''),
          `${id}: ${fix.setting}`,
        ).toEqual([]);
      }
    }
  });

  it('say what to do wherever a timer can end a silent connection', () => {
    const helpless = intermediaries.filter(
      (candidate) => candidate.idle.kind === 'timer' && !fixFor(candidate, 'idle'),
    );
    expect(ids(helpless)).toEqual([]);
  });

  it('recognise several products in one answer, strong signs first', () => {
    const headers = new Map([
      ['server', ['cloudflare']],
      ['cf-ray', ['8f2']],
      ['via', ['1.1 varnish (Varnish/7.1)']],
      ['x-powered-by', ['Express']],
    ]);
    const found = recognise(headers);
    expect(ids(found.map(({ intermediary }) => intermediary)).toSorted()).toEqual([
      'cloudflare-proxy',
      'nodejs-http-server',
      'varnish',
    ]);
    expect(found.at(-1)).toMatchObject({ strength: 'weak', intermediary: { id: 'nodejs-http-server' } });
  });

  it('recognise HAProxy by the page that it makes itself', () => {
    const page =
      '<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>';
    expect(ids(recognise(new Map(), page).map(({ intermediary }) => intermediary))).toEqual(['haproxy']);
  });

  it('recognise nothing in a bare answer', () => {
    expect(recognise(new Map([['content-type', ['text/plain']]]), 'Upgrade Required')).toEqual([]);
  });

  it('name the proxies whose limit a measured cut resembles', () => {
    expect(ids(withIdleLimitNear(50_400))[0]).toBe('haproxy');
    expect(ids(withIdleLimitNear(60_100)).slice(0, 2)).toContain('nginx');
    expect(withIdleLimitNear(7)).toEqual([]);
  });

  it('fill the wanted time into a snippet', () => {
    const fix = fixFor(intermediaryById('haproxy')!, 'idle')!;
    expect(renderSnippet(fix, 75_000)).toContain('timeout tunnel 75s');
  });

  it('keep a heartbeat well inside the limit and a limit well above the heartbeat', () => {
    expect(idleTimeoutForHeartbeatMs(25_000)).toBe(75_000);
    expect(idleTimeoutForHeartbeatMs(500)).toBe(2_000);
    expect(heartbeatForIdleTimeoutMs(60_000)).toBe(25_000);
    expect(heartbeatForIdleTimeoutMs(10_000)).toBe(4_500);
    expect(heartbeatForIdleTimeoutMs(500)).toBe(225);
  });
});
