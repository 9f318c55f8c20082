import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocketServer } from 'ws';
import { createServer } from '../../src/server/create-server.ts';
import { within } from '../../src/testing/contracts/runner.ts';
import { WebSocketPeer } from '../../src/testing/contracts/web-socket-peer.ts';
import { Honest, startServer, type Server } from './fixture.ts';
import { RawClient } from './raw-client.ts';

describe('origins', () => {
  const origins = ['https://app.example', 'http://localhost:3000'];

  it('[AUTH-1] pages of listed origins connect, and so does what is no page', async () => {
    const { port } = await startServer({ origins });
    for (const origin of origins) await RawClient.connect(port, {}, { origin });
    await (await Honest.join(port)).works();
  });

  it('[AUTH-1] pages of others are refused with 403 and a text that names the option', async () => {
    const { port, server } = await startServer({ origins });
    const others = [
      'https://evil.example',
      'https://app.example.evil.example',
      'http://app.example',
      'https://app.example:444',
      'https://APP.example',
      'null',
      '',
    ];
    for (const origin of others) {
      const { peer, answer } = await WebSocketPeer.upgrade(port, { headers: { Origin: origin } });
      peer.socket.destroy();
      expect(answer, origin).toMatchObject({ status: 403, body: expect.stringContaining('"origins"') });
    }
    expect(server.stats()).toMatchObject({ refused: others.length, connections: 0 });
  });

  it('[AUTH-1] without the option every origin may connect', async () => {
    const { port } = await startServer();
    await RawClient.connect(port, {}, { origin: 'https://any.example' });
  });
});

describe('a server of its own', () => {
  it('[DRAIN-1] /healthz and /readyz answer, and anything else says that this is a WebSocket server', async () => {
    const { port } = await startServer();
    await RawClient.connect(port);
    for (const path of ['/healthz', '/readyz', '/healthz?verbose']) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      expect([response.status, await response.json()], path).toEqual([
        200,
        { state: 'open', connections: 1 },
      ]);
    }
    const other = await fetch(`http://127.0.0.1:${port}/`);
    expect(other.status).toBe(426);
    // RFC 9110 §15.5.22: who says 426 must say to what.
    expect(other.headers.get('upgrade')).toBe('websocket');
    expect(await other.json()).toEqual({ error: expect.stringContaining('WebSocket') });
  });

  it('[RET-6] pages of other origins may read why it takes no connection of theirs, and no health', async () => {
    const { port, server } = await startServer({ path: '/live', origins: ['https://app.example'] });
    const ask = async (path: string, origin?: string) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: origin ? { origin } : {} });
      await response.text();
      const names = ['access-control-allow-origin', 'access-control-expose-headers', 'retry-after'];
      return [response.status, ...names.map((name) => response.headers.get(name))];
    };
    expect(await ask('/live', 'https://app.example')).toEqual([426, '*', 'retry-after', null]);
    expect(await ask('/live', 'https://other.example')).toEqual([403, '*', 'retry-after', null]);
    expect(await ask('/other', 'https://app.example')).toEqual([404, '*', 'retry-after', null]);
    expect(await ask('/healthz', 'https://app.example')).toEqual([200, null, null, null]);
    const client = await RawClient.connect(port, {}, { path: '/live', origin: 'https://app.example' });
    const drained = server.drain({ deadlineMs: 5_000 });
    expect(await ask('/live', 'https://app.example')).toEqual([503, '*', 'retry-after', '1']);
    client.webSocket.close();
    await drained;
  });

  it('[WIRE-1] upgrades go to its path alone, and others are told where', async () => {
    const { port } = await startServer({ path: '/live' });
    await RawClient.connect(port, {}, { path: '/live?room=7' });
    for (const path of ['/', '/live/', '/other', '/live2']) {
      const { peer, answer } = await WebSocketPeer.upgrade(port, { path });
      peer.socket.destroy();
      expect(answer, path).toMatchObject({ status: 404, body: expect.stringContaining('/live') });
    }
  });

  it('a port that is taken rejects listen, and the server can be closed', async () => {
    const { port } = await startServer();
    const second = createServer({ logger: false });
    await expect(second.listen(port, '127.0.0.1')).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await second.close();
  });

  it('[CLOSE-1] close tells every client, frees the port, and can be called again', async () => {
    const { port, server } = await startServer();
    const client = await RawClient.connect(port);
    await server.close();
    expect((await client.end()).code).toBe(1001);
    expect(await refusedBy(port)).toBe('ECONNREFUSED');
    await server.close();
    expect(server.stats()).toMatchObject({ state: 'closed', connections: 0 });
  });

  it('[CLOSE-1] close does not wait for clients that never answer', { timeout: 20_000 }, async () => {
    const { port, server } = await startServer();
    const deaf = await RawClient.connect(port);
    deaf.webSocket.pause();
    await within('the server to close', server.close());
    expect(server.stats().connections).toBe(0);
    deaf.webSocket.terminate();
  });
});

describe('a server beside an application’s', () => {
  it('[WIRE-1] serves its path, and leaves the application its requests and its other upgrades', async () => {
    const { http, port } = await application();
    const server = await attached(http);
    const honest = await Honest.join(port, {}, '/holdfast');
    await honest.works();
    expect(await (await fetch(`http://127.0.0.1:${port}/healthz`)).text()).toBe('the application’s');
    const { answer } = await upgrade(port, '/theirs');
    expect(answer.status).toBe(101);
    const { answer: unknown } = await upgrade(port, '/nobody');
    expect([404, 400]).toContain(unknown.status);
    await honest.works();
    await server.close();
    expect((await honest.client.end()).code).toBe(1001);
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe('the application’s');
    expect((await upgrade(port, '/theirs')).answer.status).toBe(101);
  });

  it('[WIRE-1] refuses other paths where nobody else takes upgrades', async () => {
    const { http, port } = await application({ ownUpgrades: false });
    const server = await attached(http, '/live');
    await RawClient.connect(port, {}, { path: '/live' });
    expect((await upgrade(port, '/nobody')).answer.status).toBe(404);
    await server.close();
    expect(http.listening).toBe(true);
    expect(http.listenerCount('upgrade')).toBe(0);
  });

  it('[WIRE-1] two of them share an application’s server, each at its path', async () => {
    const { http, port } = await application({ ownUpgrades: false });
    const [one, two] = [await attached(http, '/one'), await attached(http, '/two')];
    const client = await RawClient.connect(port, {}, { path: '/one' });
    const other = await RawClient.connect(port, {}, { path: '/two' });
    expect([one.stats().connections, two.stats().connections]).toEqual([1, 1]);
    expect(client.welcome.node).not.toBe(other.welcome.node);
    expect((await upgrade(port, '/three')).answer.status, 'served by neither').toBe(404);
    await one.close();
    expect((await upgrade(port, '/one')).answer.status, 'not served any more').toBe(404);
    await other.settled();
  });
});

describe('drain', () => {
  it(
    '[DRAIN-1] asks every client to move, refuses new ones, and ends when all have gone',
    { timeout: 20_000 },
    async () => {
      const { port, server } = await startServer();
      const clients = [await RawClient.connect(port), await RawClient.connect(port)];
      const draining = server.drain({ deadlineMs: 60_000 });
      for (const client of clients) {
        const { reconnectInMs, reason } = await client.next('go-away');
        expect(reconnectInMs).toBeLessThanOrEqual(30_000);
        expect(reason).toMatch(/drain/);
      }
      const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
      expect([ready.status, await ready.json()]).toEqual([503, { state: 'draining', connections: 2 }]);
      expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
      const { answer } = await upgrade(port, '/');
      expect(answer).toMatchObject({
        status: 503,
        headers: { 'retry-after': expect.stringMatching(/^\d+$/) },
      });
      await clients[0]!.settled();
      for (const client of clients) await client.close(1001);
      await within('the drain', draining);
      expect(server.stats()).toMatchObject({ state: 'draining', connections: 0, refused: 1 });
    },
  );

  it('[DRAIN-2] who stays is closed with going-away at the deadline, after what was queued', async () => {
    const { port, server } = await startServer();
    const client = await RawClient.connect(port);
    await client.subscribed(1, 't');
    const draining = server.drain({ deadlineMs: 50 });
    await client.next('go-away');
    await server.publish('t', 'the last word');
    expect((await client.end()).code).toBe(4010);
    await draining;
    expect(client.data).toEqual(['the last word']);
    expect(server.stats().closes).toEqual({ 'going-away': 1 });
  });

  it('[DRAIN-1] a server without clients is drained at once', async () => {
    const { server } = await startServer();
    await within('the drain', server.drain({ deadlineMs: 3_600_000 }));
  });

  it('[DRAIN-2] close ends a drain that still goes on', async () => {
    const { port, server } = await startServer();
    const client = await RawClient.connect(port);
    const draining = server.drain({ deadlineMs: 3_600_000 });
    await client.next('go-away');
    await server.close();
    await within('the drain', draining);
    expect((await client.end()).code).toBe(1001);
  });
});

/** An application with a page and, unless told otherwise, upgrades of its own at `/theirs`. */
async function application({ ownUpgrades = true } = {}): Promise<{ http: HttpServer; port: number }> {
  const http = createHttpServer((_, response) => response.end('the application’s'));
  if (ownUpgrades) {
    const theirs = new WebSocketServer({ noServer: true });
    http.on('upgrade', (request, socket, head) => {
      if (request.url === '/theirs') theirs.handleUpgrade(request, socket, head, () => {});
      else if (!request.url?.startsWith('/holdfast')) socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
  }
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    http.close();
    http.closeAllConnections();
  });
  return { http, port: (http.address() as AddressInfo).port };
}

async function attached(http: HttpServer, path?: string): Promise<Server> {
  const server = createServer({ logger: false });
  await server.attach(http, path === undefined ? {} : { path });
  onTestFinished(() => server.close());
  return server;
}

async function upgrade(port: number, path: string): ReturnType<typeof WebSocketPeer.upgrade> {
  const result = await WebSocketPeer.upgrade(port, { path });
  onTestFinished(() => void result.peer.socket.destroy());
  return result;
}

async function refusedBy(port: number): Promise<string | undefined> {
  return within(
    'a refusal',
    new Promise((resolve) => {
      connect(port, '127.0.0.1').once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    }),
  );
}
