import { describe, expect, it, vi } from 'vitest';
import {
  askHttp,
  explainStatus,
  measureHttp,
  type Fetch,
  type HttpAnswer,
} from '../../src/client/http-probe.ts';
import { closeCodes } from '../../src/protocol/close-codes.ts';
import { Wire } from './wire.ts';

const [a, b, c] = ['ws://a/', 'ws://b/', 'ws://c/'] as const;

function dialled(wire: Wire): string[] {
  return wire.sockets.map(({ url }) => url);
}

describe('dialling one of several endpoints', () => {
  it('[LINE-1] gives the first 250 ms, then the next its chance beside it; the first that opens wins', async () => {
    const wire = new Wire({}, [a, b, c]);
    await wire.clock.advance(249);
    expect(dialled(wire)).toEqual([a]);
    await wire.clock.advance(1);
    expect(dialled(wire)).toEqual([a, b]);
    const [slow, quick] = wire.sockets;
    quick!.open();
    expect(slow!.closedWith).toBe('terminate');
    // It opens after all, and nobody listens.
    slow!.open();
    await wire.clock.advance(1_000);
    expect(dialled(wire)).toEqual([a, b]);
    expect(slow!.records).toEqual([]);
    expect(quick!.records.map(({ type }) => type)).toEqual(['hello']);
    await wire.welcome();
    expect(wire.client.status).toMatchObject({ phase: 'live', endpoint: b });
  });

  it('[LINE-1] goes on to the next at once when one refuses', async () => {
    const wire = new Wire({}, [a, b]);
    await wire.turn();
    wire.socket.hangUp();
    expect(dialled(wire)).toEqual([a, b]);
    await wire.welcome();
    expect(wire.client.status.endpoint).toBe(b);
    expect(wire.client.endpoints.map(({ url, current }) => [url, current])).toEqual([
      [a, false],
      [b, true],
    ]);
  });

  it('[LINE-1] has failed when all have', async () => {
    const wire = new Wire({}, [a, b]);
    await wire.turn();
    wire.socket.hangUp();
    expect(wire.client.status.phase).toBe('connecting');
    wire.socket.hangUp();
    expect(wire.client.status).toMatchObject({ phase: 'waiting', cause: { code: 'unreachable' } });
  });

  it('[LINE-1] comes back to the one in use, while it takes connections', async () => {
    const wire = new Wire({}, [a, b]);
    await wire.welcome();
    wire.socket.hangUp();
    await wire.clock.advance(1);
    expect(dialled(wire)).toEqual([a, a]);
    wire.socket.hangUp();
    await wire.clock.advance(1);
    expect(dialled(wire)).toEqual([a, a, b]);
  });

  it('[LINE-1] goes on to the next when no socket can be made for one, as for ws: in a page of https', async () => {
    const wire = new Wire({}, [a, b, c]);
    wire.refuseToOpen = (url) => (url === b ? undefined : new Error('Mixed content.'));
    await wire.turn();
    expect(dialled(wire)).toEqual([b]);
    await wire.clock.advance(1_000);
    wire.socket.hangUp();
    expect(wire.client.status).toMatchObject({ phase: 'waiting', cause: { code: 'unreachable' } });
  });

  it('[LINE-1] has failed at one that opens and says nothing', async () => {
    const wire = new Wire({ connectTimeoutMs: 4_000 }, [a, b]);
    await wire.turn();
    wire.socket.open();
    await wire.clock.advance(10_000);
    expect(dialled(wire).slice(0, 2)).toEqual([a, b]);
  });

  it('[LINE-1, ADM-3] one that turned the client away is left alone until its slot, and the others are tried', async () => {
    const wire = new Wire({}, [a, b]);
    const turnAway = async (reconnectInMs: number): Promise<void> => {
      wire.socket.open();
      await wire.turn();
      wire.socket.say({ type: 'go-away', reconnectInMs, reason: 'Full.' });
    };
    await wire.turn();
    await turnAway(60_000);
    await wire.clock.advance(1_000);
    expect(dialled(wire)).toEqual([a, b]);
    await turnAway(30_000);
    expect(wire.client.status).toMatchObject({ phase: 'waiting', cause: { code: 'overloaded' } });
    await wire.clock.advance(29_999);
    expect(dialled(wire)).toEqual([a, b]);
    await wire.clock.advance(1);
    expect(dialled(wire)).toEqual([a, b, b]);
    // The other is not even raced before its own slot.
    await wire.clock.advance(5_000);
    expect(dialled(wire)).toEqual([a, b, b]);
    await turnAway(60_000);
    await wire.clock.advance(25_000);
    expect(dialled(wire)).toEqual([a, b, b, a]);
  });

  it('[LINE-1] shows the endpoint in use while another is tried', async () => {
    const wire = new Wire({}, [a, b]);
    await wire.welcome();
    wire.client.reconnect();
    await wire.turn();
    wire.socket.hangUp();
    expect(dialled(wire)).toEqual([a, a, b]);
    wire.socket.hangUp();
    expect(wire.client.status).toMatchObject({ phase: 'draining', endpoint: a });
    await wire.clock.advance(1_000);
    await wire.welcome();
    expect(wire.client.status).toMatchObject({ phase: 'live', endpoint: wire.socket.url });
  });

  it('[RET-4] ends all of them with close()', async () => {
    const wire = new Wire({}, [a, b, c]);
    await wire.clock.advance(600);
    expect(dialled(wire)).toEqual([a, b, c]);
    await wire.client.close();
    await wire.clock.advance(60_000);
    expect(wire.sockets.map(({ closedWith }) => closedWith)).toEqual([1000, 1000, 1000]);
    expect(wire.sockets).toHaveLength(3);
  });
});

describe('after an attempt that reached nothing', () => {
  async function failing(answer: HttpAnswer | undefined): Promise<Wire> {
    const wire = new Wire({}, a, () => answer);
    await wire.turn();
    wire.socket.hangUp();
    await wire.clock.advance(1_000);
    expect(wire.sockets).toHaveLength(2);
    return wire;
  }

  for (const status of [401, 403, 404, 426, 429, 500, 502, 503, 504]) {
    it(`[RET-5] plain HTTP says why: ${status}`, async () => {
      const wire = await failing({ status, retryAfterMs: undefined });
      wire.socket.hangUp();
      const { cause } = wire.client.status;
      expect(cause).toEqual({ code: `http-${status}`, text: explainStatus(status) });
      expect(cause?.text).toContain(String(status));
    });
  }

  it('[RET-5] a 404 may be a wrong path, or an application that was asked without the upgrade', async () => {
    const wire = await failing({ status: 404, retryAfterMs: undefined });
    wire.socket.hangUp();
    expect(wire.client.status.cause?.text).toMatch(/path is wrong, or a proxy does not pass the upgrade on/);
  });

  it('[RET-5] an answer that a page may not read tells nothing, and the dial goes on', async () => {
    const wire = await failing({ status: 0, retryAfterMs: undefined });
    wire.socket.hangUp();
    expect(wire.client.status.cause?.code).toBe('unreachable');
  });

  it('[RET-5] HTTP that never got through proves nothing: a page’s policy may forbid it', async () => {
    const wire = await failing(undefined);
    wire.socket.hangUp();
    await wire.clock.advance(60_000);
    expect(wire.sockets.length).toBeGreaterThan(2);
  });

  it('[RET-5] where it did get through before, nothing is dialled until it does again', async () => {
    const wire = await failing({ status: 426, retryAfterMs: undefined });
    wire.http = () => undefined;
    wire.socket.hangUp();
    const before = wire.sockets.length;
    await wire.clock.advance(120_000);
    expect(wire.sockets).toHaveLength(before);
    expect(wire.client.status.cause).toEqual({
      code: 'unreachable',
      text: 'Nothing answers at the address.',
    });
    wire.http = () => ({ status: 426, retryAfterMs: undefined });
    await wire.clock.advance(60_000);
    expect(wire.sockets.length).toBeGreaterThan(before);
  });

  it('[RET-5] it comes back no sooner than Retry-After says', async () => {
    const wire = await failing({ status: 503, retryAfterMs: 40_000 });
    wire.socket.hangUp();
    const before = wire.sockets.length;
    await wire.clock.advance(40_000);
    expect(wire.sockets).toHaveLength(before);
    await wire.clock.advance(20_000);
    expect(wire.sockets).toHaveLength(before + 1);
  });

  it('[RET-5] what it said is forgotten once a dial gets through', async () => {
    const wire = await failing({ status: 503, retryAfterMs: 40_000 });
    await wire.welcome();
    wire.socket.hangUp();
    await wire.clock.advance(1);
    wire.socket.hangUp();
    expect(wire.client.status.cause?.code).toBe('unreachable');
    expect(wire.client.status.retryAt! - wire.clock.nowMs()).toBeLessThan(20_000);
  });

  it('[RET-5] HTTP that falls silent locks nobody out: every three minutes there is a dial', async () => {
    const wire = await failing({ status: 502, retryAfterMs: undefined });
    wire.http = () => undefined;
    wire.socket.hangUp();
    const before = wire.sockets.length;
    await wire.clock.advance(200_000);
    expect(wire.sockets).toHaveLength(before + 1);
    wire.socket.hangUp();
    await wire.clock.advance(120_000);
    expect(wire.sockets).toHaveLength(before + 1);
    await wire.clock.advance(80_000);
    expect(wire.sockets).toHaveLength(before + 2);
  });

  it('[RET-5] one that was open and closed is dialled without asking', async () => {
    const asked = vi.fn(() => undefined);
    const wire = new Wire({}, a, asked);
    await wire.welcome();
    wire.socket.hangUp(closeCodes['internal-error'].code);
    await wire.clock.advance(1_000);
    expect(wire.sockets).toHaveLength(2);
    expect(asked).not.toHaveBeenCalled();
  });
});

describe('plain HTTP', () => {
  const response = (status: number, headers: Record<string, string> = {}): Response =>
    new Response(null, { status, headers });

  it('[RET-5] asks the address itself, by its HTTP scheme', async () => {
    const fetch = vi.fn<Fetch>(async () => response(404, { 'retry-after': '7' }));
    expect(await askHttp('wss://host/path?x', fetch)).toEqual({ status: 404, retryAfterMs: 7_000 });
    expect(fetch.mock.calls[0]![0]).toBe('https://host/path?x');
  });

  it('[RET-5] tells an answer that it may not read from none', async () => {
    const opaque: Fetch = async (_url, { mode }) => {
      if (mode === 'cors') throw new TypeError('No CORS.');
      return response(200);
    };
    expect(await askHttp(a, opaque)).toEqual({ status: 200, retryAfterMs: undefined });
    expect(await askHttp(a, async () => Promise.reject(new TypeError('Refused.')))).toBeUndefined();
  });

  it('[RET-5] waits for nothing twice, and bounds what a server may ask for', async () => {
    const timeout = vi.fn<Fetch>(async () => {
      throw new DOMException('Too late.', 'TimeoutError');
    });
    expect(await askHttp(a, timeout)).toBeUndefined();
    expect(timeout).toHaveBeenCalledTimes(1);
    const greedy = await askHttp(a, async () => response(503, { 'retry-after': '99999999' }));
    expect(greedy?.retryAfterMs).toBe(3_600_000);
    const dated = await askHttp(a, async () =>
      response(503, { 'retry-after': 'Fri, 31 Dec 1999 23:59:59 GMT' }),
    );
    expect(dated?.retryAfterMs).toBeUndefined();
    for (const senseless of ['-5', '0', '1e-9', 'NaN']) {
      const answer = await askHttp(a, async () => response(503, { 'retry-after': senseless }));
      expect(answer).toEqual({ status: 503, retryAfterMs: undefined });
    }
  });

  it('[LINE-2] measures as often as it was asked to, after one that connects', async () => {
    const fetch = vi.fn<Fetch>(async () => response(426));
    expect(await measureHttp(a, 3, fetch)).toHaveLength(3);
    expect(fetch).toHaveBeenCalledTimes(4);
    const lost = await measureHttp(a, 2, async () => Promise.reject(new TypeError('Refused.')));
    expect(lost).toEqual([Infinity, Infinity]);
  });
});
