import { describe, expect, it } from 'vitest';
import type { WayMeasurements } from '../../src/doctor/measurements.ts';
import type { Refusal } from '../../src/doctor/probe/handshake.ts';
import { adviceFor } from '../../src/doctor/verdict/advice.ts';
import { standingOf, type VerdictId, verdictTitles } from '../../src/doctor/verdict/verdict-id.ts';
import { FIN, healthy, idleLimit, judge, nginx, open, silence } from './ways.ts';

const answered = (status: number, bodyStart = ''): Refusal => ({
  kind: 'answered',
  status,
  reason: 'Reason',
  headers: {},
  bodyStart,
});

const refusedWith = (outcome: Refusal, ms = 8_000): Partial<WayMeasurements> => ({
  upgrade: { attempts: [{ origin: 'http://example.test', outcome, ms }], ownPageOf: [], plainStatus: null },
  idle: undefined as never,
});

const HAPROXY_PAGE =
  '<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>';
const NGINX_PAGE = '<hr><center>nginx/1.22.1</center>';

describe('the verdict on a way that works', () => {
  it('is stable, and names a heartbeat that was seen to survive', () => {
    expect(judge(healthy())).toMatchObject({
      id: 'stable',
      hop: 'none',
      confidence: 'high',
      heartbeatMs: 25_000,
    });
  });

  it('is less sure after a short silence', () => {
    const idle = silence({ result: { kind: 'none', longestLivedMs: 4_000 } });
    expect(judge(healthy({ idle }))).toMatchObject({
      id: 'stable',
      confidence: 'medium',
      heartbeatMs: 4_000,
    });
  });

  it('is stable when the heartbeat of the application beats twice within the limit', () => {
    const asked = { subprotocols: [], expect: null, heartbeatMs: 25_000 };
    expect(judge(healthy({ idle: idleLimit(60_000) }), { asked }).id).toBe('stable');
    expect(judge(healthy({ idle: idleLimit(40_000) }), { asked }).id).toBe('idle-limit');
  });

  it('is not measured when the run ended before silence was tried', () => {
    const { id } = judge(healthy({ idle: undefined as never }));
    expect(standingOf(id)).toBe('not-tested');
  });
});

describe('the verdict on what lies below HTTP', () => {
  const cases: readonly [string, Partial<WayMeasurements>, VerdictId][] = [
    ['an unknown name', { names: { addresses: [], error: 'ENOTFOUND', ms: 5 } }, 'name-not-found'],
    [
      'a closed port',
      { tcp: { attempts: [{ address: '192.0.2.1', outcome: 'refused', ms: 1 }] } },
      'refused',
    ],
    [
      'no answer',
      { tcp: { attempts: [{ address: '192.0.2.1', outcome: 'timed-out', ms: 8e3 }] } },
      'unreachable',
    ],
    ['an expired certificate', { tls: certificate('CERT_HAS_EXPIRED') }, 'tls-expired'],
    ['a certificate of tomorrow', { tls: certificate('CERT_NOT_YET_VALID') }, 'tls-not-yet-valid'],
    ['a certificate for another', { tls: certificate('ERR_TLS_CERT_ALTNAME_INVALID') }, 'tls-wrong-name'],
    ['a certificate of its own', { tls: certificate('DEPTH_ZERO_SELF_SIGNED_CERT') }, 'tls-untrusted'],
    [
      'no TLS at all',
      { tls: { kind: 'failed', code: 'ERR_SSL_WRONG_VERSION_NUMBER', message: '' } },
      'tls-failed',
    ],
  ];
  it.each(cases)('%s', (_name, change, id) => {
    expect(judge(healthy(change)).id).toBe(id);
  });

  it('mentions a dead address only when nothing worse is there', () => {
    const attempts = [
      { address: '192.0.2.1', outcome: 'connected', ms: 1 },
      { address: '192.0.2.2', outcome: 'timed-out', ms: 8_000 },
    ] as const;
    expect(judge(healthy({ tcp: { attempts } }))).toMatchObject({ id: 'dead-address', hop: 'dns' });
    expect(judge(healthy({ tcp: { attempts }, idle: idleLimit(60_000) })).id).toBe('idle-limit');
  });

  it('forgives localhost that listens on one family only', () => {
    const attempts = [
      { address: '::1', outcome: 'refused', ms: 1 },
      { address: '127.0.0.1', outcome: 'connected', ms: 1 },
    ] as const;
    expect(judge(healthy({ tcp: { attempts } })).id).toBe('stable');
  });
});

function certificate(error: string): NonNullable<WayMeasurements['tls']> {
  const text = { subject: 'a', issuer: 'b', names: 'DNS:a', validFrom: 'then', validTo: 'now' };
  return { kind: 'handshake', ms: 9, trusted: false, error, protocol: 'TLSv1.3', alpn: null, ...text };
}

const caddy = { ...nginx, products: [{ id: 'caddy', strength: 'strong' as const }] };

const tlsAlert = (name: string): Refusal => ({
  kind: 'no-line',
  phase: 'tls',
  code: `ERR_SSL_TLSV13_ALERT_${name}`,
  message: 'a reason',
});

describe('the verdict on the answer to the handshake', () => {
  const cases: readonly [string, Refusal, Partial<WayMeasurements>, VerdictId, string][] = [
    ['200 behind nginx', answered(200), { answerer: nginx }, 'upgrade-lost', 'proxy'],
    ['426 from nobody known', answered(426), {}, 'upgrade-lost', 'proxy'],
    ['200 from nobody known', answered(200), {}, 'not-websocket', 'server'],
    ['404 on a page of nginx', answered(404, NGINX_PAGE), { answerer: nginx }, 'not-found', 'proxy'],
    ['404 of the server', answered(404), { answerer: nginx }, 'not-found', 'server'],
    ['200 with nothing of Caddy', answered(200), { answerer: caddy }, 'not-found', 'proxy'],
    ['301', answered(301, NGINX_PAGE), { answerer: nginx }, 'redirected', 'proxy'],
    ['401', answered(401), {}, 'not-authorized', 'server'],
    ['403 on a page of nginx', answered(403, NGINX_PAGE), {}, 'not-authorized', 'proxy'],
    [
      '400 about a certificate of the client',
      answered(400, `No required SSL certificate was sent ${NGINX_PAGE}`),
      { answerer: nginx },
      'not-authorized',
      'proxy',
    ],
    ['an alert that asks for one', tlsAlert('CERTIFICATE_REQUIRED'), {}, 'not-authorized', 'tls'],
    ['another alert', tlsAlert('INTERNAL_ERROR'), {}, 'tls-failed', 'tls'],
    ['429', answered(429), {}, 'rate-limited', 'server'],
    ['500', answered(500), {}, 'server-error', 'server'],
    ['502', answered(502, NGINX_PAGE), { answerer: nginx }, 'backend-unavailable', 'server'],
    ['503 on a page of nginx', answered(503, NGINX_PAGE), { answerer: nginx }, 'rate-limited', 'proxy'],
    ['504', answered(504, NGINX_PAGE), { answerer: nginx }, 'backend-silent', 'server'],
    [
      '400 about TLS',
      answered(400, 'The plain HTTP request was sent to HTTPS port'),
      {},
      'tls-needed',
      'tls',
    ],
    ['silence', { kind: 'silent' }, {}, 'backend-silent', 'server'],
    ['a reset', { kind: 'closed', how: 'reset' }, {}, 'upgrade-cut', 'server'],
    [
      'a wrong accept',
      { kind: 'bad-accept', what: 'x', headers: {} },
      { answerer: nginx },
      'bad-accept',
      'proxy',
    ],
    ['522 of Cloudflare', answered(522), {}, 'backend-unavailable', 'server'],
    ['another protocol', { kind: 'not-http', sample: 'SSH-2.0' }, {}, 'garbage', 'server'],
    ['a head without end', { kind: 'endless' }, {}, 'endless', 'server'],
  ];
  it.each(cases)('%s', (_name, outcome, change, id, hop) => {
    expect(judge(healthy({ ...refusedWith(outcome), ...change }))).toMatchObject({ id, hop });
  });

  it('does not blame the server for a 504 that came at once', () => {
    const at = (ms: number) =>
      judge(healthy({ ...refusedWith(answered(504, NGINX_PAGE), ms), answerer: nginx }));
    expect(at(60_000)).toMatchObject({ hop: 'server', confidence: 'high' });
    expect(at(3)).toMatchObject({ hop: 'proxy', confidence: 'low' });
  });

  it('blames the Origin when the same handshake without it is let in', () => {
    const attempts = [
      { origin: 'http://example.test', outcome: answered(403), ms: 1 },
      { origin: null, outcome: open, ms: 1 },
    ];
    const upgrade = { attempts, ownPageOf: [], plainStatus: 200 };
    expect(judge(healthy({ upgrade, answerer: nginx }))).toMatchObject({
      id: 'origin-refused',
      hop: 'server',
    });
  });

  it('clears the server when the direct way opens at the same path', () => {
    const way = healthy({ ...refusedWith(answered(404)), answerer: nginx });
    expect(judge(way, { direct: healthy() })).toMatchObject({
      id: 'upgrade-lost',
      hop: 'proxy',
      confidence: 'high',
    });
  });

  it('blames the server when the direct way shows the same', () => {
    const way = healthy({ ...refusedWith(answered(404, NGINX_PAGE)), answerer: nginx });
    const direct = healthy(refusedWith(answered(404)));
    expect(judge(way, { direct })).toMatchObject({ id: 'not-found', hop: 'server', confidence: 'high' });
  });

  it('gives the lines of the product for a lost upgrade', () => {
    const { fix } = judge(healthy({ ...refusedWith(answered(426)), answerer: nginx }));
    expect(fix?.product).toBe('nginx');
    expect(fix?.snippet).toContain('proxy_set_header Upgrade $http_upgrade;');
  });

  it('takes the word of the user for the product', () => {
    expect(judge(healthy(refusedWith(answered(426))), {}, 'apache').fix?.snippet).toContain(
      'upgrade=websocket',
    );
  });
});

describe('a connection that ended after a message', () => {
  it.each([
    [20, 'medium'],
    [5_000, 'low'],
  ])('%i ms later is put down to the message with confidence %s', (endedAfterMs, confidence) => {
    const echo = {
      answered: false,
      echoes: false,
      matchesExpected: null,
      ending: FIN,
      endedAfterMs,
      ms: null,
    };
    expect(judge(healthy({ echo }))).toMatchObject({ id: 'wrong-answer', confidence });
  });
});

describe('the verdict on connections that opened', () => {
  const crowd = { wanted: 20, opened: 8, refusal: answered(503), endedWhileHeld: 0 };
  const cases: readonly [string, Partial<WayMeasurements>, VerdictId][] = [
    [
      'no subprotocol of those asked for',
      { subprotocol: { requested: ['a'], selected: null } },
      'subprotocol-mismatch',
    ],
    [
      'a subprotocol that nobody asked for',
      { subprotocol: { requested: [], selected: 'a' } },
      'subprotocol-mismatch',
    ],
    [
      'extended CONNECT that fails',
      { http2: { negotiated: true, offersWebSocket: true, status: 403 } },
      'http2-broken',
    ],
    [
      'a missing pong',
      { ping: { pongMs: null, pinged: true, ending: null, endedAfterMs: null, alive: true } },
      'no-pong',
    ],
    [
      'an end instead of a pong',
      { ping: { pongMs: null, pinged: true, ending: FIN, endedAfterMs: 501, alive: true } },
      'no-pong',
    ],
    [
      'an early end',
      { ping: { pongMs: null, pinged: false, ending: FIN, endedAfterMs: 90, alive: true } },
      'closed-at-once',
    ],
    [
      'compression that breaks',
      { compression: { negotiated: true, extensions: 'permessage-deflate', pongMs: null, ending: FIN } },
      'compression-broken',
    ],
    [
      'another answer',
      {
        echo: {
          answered: true,
          echoes: false,
          matchesExpected: false,
          ending: null,
          endedAfterMs: null,
          ms: 1,
        },
      },
      'wrong-answer',
    ],
    ['stalls', { roundTrips: roundTrips({ stalls: 4 }) }, 'line-unstable'],
    [
      'a message that ends it',
      {
        sizes: {
          limitBytes: 65_536,
          largestBytes: 1_024,
          failed: { bytes: 4_096, ending: FIN, truncated: false },
        },
      },
      'message-cut',
    ],
    [
      'a bounded number',
      { connections: { ...crowd, openedSlowly: false, openedAlone: [true, true] } },
      'connection-limit',
    ],
    [
      'a bounded rate',
      { connections: { ...crowd, openedSlowly: true, openedAlone: [true, true] } },
      'rate-limited',
    ],
    [
      'a server behind a balancer that refuses, by turns',
      { connections: { ...crowd, openedSlowly: true, openedAlone: [true, false, true, false] } },
      'backend-unavailable',
    ],
    [
      'a rate that is bounded for longer',
      { connections: { ...crowd, refusal: answered(429), openedSlowly: true, openedAlone: [true, false] } },
      'rate-limited',
    ],
    [
      'a refusal of HAProxy itself that passes',
      { refusals: [{ step: 'ping', outcome: answered(503, HAPROXY_PAGE), held: 0, retry: 'opened' }] },
      'backend-unavailable',
    ],
    [
      'a leak',
      { connections: { ...crowd, openedSlowly: false, openedAlone: [false, false] } },
      'slots-leaked',
    ],
    [
      'a refusal that passes after a second',
      { refusals: [{ step: 'ping', outcome: answered(503), held: 0, retry: 'opened' }] },
      'rate-limited',
    ],
    [
      'a refusal that stays',
      { refusals: [{ step: 'idle', outcome: answered(503), held: 0, retry: 'refused' }] },
      'slots-leaked',
    ],
  ];
  it.each(cases)('%s', (_name, change, id) => {
    expect(judge(healthy(change)).id).toBe(id);
  });

  it('forgives two stalls, and three among hundreds', () => {
    expect(judge(healthy({ roundTrips: roundTrips({ stalls: 2 }) })).id).toBe('stable');
    expect(judge(healthy({ roundTrips: roundTrips({ stalls: 3, answered: 651 }) })).id).toBe('stable');
  });
});

function roundTrips(change: Partial<NonNullable<WayMeasurements['roundTrips']>>) {
  const figures = { answered: 90, medianMs: 9, p95Ms: 230, maxMs: 250, jitterMs: 20, stalls: 0 };
  return { windowMs: 2_000, sent: 90, stallMs: 150, discarded: 0, ending: null, ...figures, ...change };
}

describe('the list of verdicts', () => {
  it('has advice exactly for what can be changed', () => {
    const ids = Object.keys(verdictTitles) as VerdictId[];
    expect(ids.filter((id) => adviceFor[id] === null)).toEqual(['stable', 'not-measured']);
  });
});
