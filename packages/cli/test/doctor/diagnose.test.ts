import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { diagnose } from '../../src/doctor/diagnose.ts';
import { settle } from '../../src/doctor/options.ts';
import { planOf } from '../../src/doctor/plan.ts';
import { Budget, BudgetExceeded } from '../../src/doctor/probe/budget.ts';
import { dial } from '../../src/doctor/probe/handshake.ts';
import { parseTarget } from '../../src/doctor/probe/target.ts';
import type { Progress } from '../../src/doctor/report/report.ts';
import { localEcho, localRaw } from './local-server.ts';

const nothingAsked = {
  origin: null,
  headers: [],
  subprotocols: [],
  timeoutMs: 1_000,
  answerTimeoutMs: 1_000,
  signal: new AbortController().signal,
};

describe('diagnose', () => {
  it('announces its plan before the first connection, and tells of each step', async () => {
    let announced = false;
    const server = await localRaw((socket) => {
      expect(announced).toBe(true);
      socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n');
    });
    const told: Progress[] = [];
    const report = await diagnose({
      url: server.url,
      onProgress: (progress) => {
        announced ||= progress.kind === 'plan';
        told.push(progress);
      },
    });
    await server.stop();
    const done = told.flatMap((progress) => (progress.kind === 'step-done' ? [progress.step] : []));
    expect(done).toEqual(report.steps);
  });

  it('ends early: the first step that shows a problem is the last', async () => {
    const server = await localRaw((socket) =>
      socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'),
    );
    const { steps, verdict } = await diagnose({ url: server.url });
    await server.stop();
    expect(verdict.id).toBe('not-found');
    expect(steps.at(-1)?.name).toBe('upgrade');
  });

  it('stops at once when it is aborted, and closes what it had opened', { timeout: 30_000 }, async () => {
    let left = 0;
    const server = await localEcho();
    server.onConnection((socket) => {
      left += 1;
      socket.on('close', () => (left -= 1));
    });
    const stop = new AbortController();
    const running = diagnose({
      url: server.url,
      depth: 'quick',
      // Longer than this test may take: only the abort can end it.
      idleMaxMs: 3_600_000,
      signal: stop.signal,
      onProgress: (progress) => {
        if (progress.kind === 'step-started' && progress.name === 'idle') stop.abort(new Error('enough'));
      },
    });
    await expect(running).rejects.toThrow('enough');
    await expect.poll(() => left).toBe(0);
    await server.stop();
  });

  it('bears a server that asks for more pongs than were announced', { timeout: 60_000 }, async () => {
    const server = await localEcho();
    server.onConnection((socket) => {
      const flood = setInterval(() => {
        for (let i = 0; i < 200; i += 1) socket.ping(Buffer.alloc(125));
      }, 10);
      socket.on('close', () => clearInterval(flood));
    });
    const { verdict, sent, plan } = await diagnose({ url: server.url, depth: 'quick', idleMaxMs: 1_000 });
    await server.stop();
    expect(verdict.confidence).not.toBe('high');
    expect(sent.bytes).toBeLessThanOrEqual(plan.bytes);
  });

  it('rejects options that make no sense before it does anything', async () => {
    await expect(diagnose({ url: 'https://example.com/' })).rejects.toThrow(/HTTP address/);
    await expect(diagnose({ url: 'ws://a/', idleMaxMs: Number.NaN })).rejects.toThrow(/--idle-max/);
    await expect(diagnose({ url: 'ws://a/', send: 'x'.repeat(5_000) })).rejects.toThrow(/4096 bytes/);
    await expect(diagnose({ url: 'ws://a/', headers: [['Sec-WebSocket-Key', 'x']] })).rejects.toThrow(
      /anew for each handshake/,
    );
  });

  it('tries messages up to the very size, and cuts no character in two', { timeout: 30_000 }, async () => {
    const server = await localEcho();
    const sizes = new Set<number>();
    server.onConnection((socket) => socket.on('message', (data: Buffer) => sizes.add(data.length)));
    const send = `a${'😀'.repeat(600)}`;
    const { verdict, measurements, sent, plan } = await diagnose({
      url: server.url,
      depth: 'quick',
      idleMaxMs: 1_000,
      send,
      messageBytesMax: 10_000,
    });
    await server.stop();
    expect(verdict.id).toBe('stable');
    expect(measurements.public.sizes).toMatchObject({ largestBytes: 10_000, failed: null });
    expect([...sizes].toSorted((a, b) => a - b)).toEqual([1_024, 2_401, 4_096, 10_000]);
    expect(sent.bytes).toBeLessThanOrEqual(plan.bytes);
  });

  it('announces as much more as a long address takes', () => {
    const [short, long] = ['ws://a/', `ws://a/${'x'.repeat(4_000)}`].map((url) => planOf(settle({ url })));
    expect(long!.bytes - short!.bytes).toBe(4_000 * long!.connections);
  });
});

describe('an answer of 101', () => {
  const switching = 'HTTP/1.1 101 Switching Protocols';

  function acceptOf(request: Buffer): string {
    const key = /sec-websocket-key: (.*)\r/i.exec(request.toString())?.[1] ?? '';
    return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  }

  it.each([
    ['Upgrade', 'Connection: Upgrade'],
    ['Connection', 'Upgrade: websocket\r\nConnection: keep-alive'],
  ])('without %s is one that no browser accepts (RFC 6455, section 4.1)', async (missing, headers) => {
    const server = await localRaw((socket) => {
      socket.once('data', (request) =>
        socket.end(`${switching}\r\n${headers}\r\nSec-WebSocket-Accept: ${acceptOf(request)}\r\n\r\n`),
      );
    });
    const { verdict } = await diagnose({ url: server.url, depth: 'quick' });
    await server.stop();
    expect(verdict.id).toBe('bad-accept');
    expect(verdict.evidence[0]).toContain(`"${missing}: `);
  });

  it('may come behind a word on the way to it (RFC 9110, section 15.2)', async () => {
    const server = await localRaw((socket) => {
      socket.once('data', (request) => {
        socket.write('HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\nHTTP/1.1 100 Cont');
        const headers = 'Upgrade: websocket\r\nConnection: Upgrade';
        const answer = `${switching}\r\n${headers}\r\nSec-WebSocket-Accept: ${acceptOf(request)}\r\n\r\n`;
        setImmediate(() => socket.write(`inue\r\n\r\n${answer}`));
      });
    });
    const budget = new Budget({ connections: 1, concurrentConnections: 1, bytes: 1_000 });
    const { outcome, connection } = await dial(parseTarget(server.url), { budget, ...nothingAsked });
    connection?.drop();
    await server.stop();
    expect(outcome.kind).toBe('open');
  });

  it('chooses no extension that nobody offered (RFC 6455, section 4.1)', async () => {
    const headers =
      'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate';
    const server = await localRaw((socket) => {
      socket.once('data', (request) => {
        socket.write(`${switching}\r\n${headers}\r\nSec-WebSocket-Accept: ${acceptOf(request)}\r\n\r\n`);
      });
    });
    const outcomes = [];
    for (const compression of [false, true]) {
      const budget = new Budget({ connections: 1, concurrentConnections: 1, bytes: 1_000 });
      const options = { budget, ...nothingAsked, compression };
      const { outcome, connection } = await dial(parseTarget(server.url), options);
      connection?.drop();
      outcomes.push(outcome.kind);
    }
    await server.stop();
    expect(outcomes).toEqual(['bad-accept', 'open']);
  });

  it('can’t fill the memory with fragments that hold nothing', async () => {
    const headers = 'Upgrade: websocket\r\nConnection: Upgrade';
    const server = await localRaw((socket) => {
      socket.once('data', (request) => {
        socket.write(`${switching}\r\n${headers}\r\nSec-WebSocket-Accept: ${acceptOf(request)}\r\n\r\n`);
        // A text that begins and goes on, and on.
        socket.write(Buffer.concat([Buffer.from([0x01, 0x00]), Buffer.alloc(40_000)]));
      });
    });
    const { connection } = await dial(parseTarget(server.url), {
      budget: new Budget({ connections: 1, concurrentConnections: 1, bytes: 1_000 }),
      ...nothingAsked,
    });
    expect(await connection!.ended).toMatchObject({
      how: 'violation',
      what: expect.stringMatching(/fragments/),
    });
    await server.stop();
  });
});

describe('a handshake that would send more than announced', () => {
  it('is not made at all', async () => {
    let connections = 0;
    const server = await localRaw(() => (connections += 1));
    const budget = new Budget({ connections: 10, concurrentConnections: 10, bytes: 20 });
    const handshake = dial(parseTarget(server.url), { budget, ...nothingAsked });
    await expect(handshake).rejects.toThrow(BudgetExceeded);
    await server.stop();
    expect(connections).toBe(0);
    expect(budget.spent).toEqual({ connections: 0, concurrentConnections: 0, bytes: 0 });
  });
});
