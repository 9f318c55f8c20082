import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { serve } from '@hono/node-server';
import express from 'express';
import Fastify from 'fastify';
import { Hono } from 'hono';
import { createServer } from 'holdfast/server';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { expectEachOnce, Ledger, openClient } from './support/ledger.ts';

const GREETING = 'an ordinary page';

/** An application that answers `GET /` and listens on a free port of this machine. */
const frameworks: Readonly<Record<string, () => Promise<HttpServer>>> = {
  'node:http': () => listening(createHttpServer((_request, response) => void response.end(GREETING))),
  Express: () => {
    const app = express();
    app.get('/', (_request, response) => void response.send(GREETING));
    return listening(createHttpServer(app));
  },
  Fastify: async () => {
    const app = Fastify();
    app.get('/', async () => GREETING);
    await app.listen({ port: 0, host: '127.0.0.1' });
    return app.server;
  },
  Hono: () => {
    const app = new Hono();
    app.get('/', (context) => context.text(GREETING));
    return new Promise((resolve) => {
      const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, () =>
        resolve(server as HttpServer),
      );
    });
  },
};

async function listening(server: HttpServer): Promise<HttpServer> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return server;
}

/** Holdfast beside an application, at the default path; both end with the test. */
async function openBeside(open: () => Promise<HttpServer>) {
  const httpServer = await open();
  const server = createServer({ logger: false });
  await server.attach(httpServer);
  onTestFinished(async () => {
    await server.close();
    httpServer.closeAllConnections();
    await new Promise((resolve) => httpServer.close(resolve));
  });
  const { port } = httpServer.address() as { port: number };
  return { httpServer, server, http: `http://127.0.0.1:${port}/`, ws: `ws://127.0.0.1:${port}/` };
}

/** The HTTP status with which an upgrade is refused. */
function refusal(url: string, protocol = 'holdfast.v1'): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, protocol);
    socket.on('error', () => {});
    socket.on('unexpected-response', (request, response) => {
      resolve(response.statusCode);
      request.destroy();
    });
    socket.on('open', () => reject(new Error(`The upgrade at ${url} was not refused.`)));
  });
}

describe.each(Object.entries(frameworks))('attach() beside %s', (_, open) => {
  it('serves its own path and leaves the pages to the application', async () => {
    const { server, http, ws } = await openBeside(open);
    const { client } = openClient(`${ws}holdfast`);
    const ledger = new Ledger(client, 'news', 'start');
    server.method('sum', ([a, b]: [number, number]) => a + b);
    expect(await client.request('sum', [1, 2])).toBe(3);
    expect(await (await fetch(http)).text()).toBe(GREETING);
    await client.publish('news', { publisher: 'client', n: 1 });
    await ledger.reaches(await server.publish('news', { publisher: 'server', n: 1 }));
    expectEachOnce(ledger.messages, { client: 1, server: 1 });
  });

  it('[WIRE-1] refuses upgrades that are not its own with a status', async () => {
    const { ws } = await openBeside(open);
    expect(await refusal(`${ws}elsewhere`), 'another path').toBe(404);
    expect(await refusal(`${ws}holdfast`, 'chat'), 'another subprotocol').toBe(400);
  });

  it('leaves other paths to other WebSocket servers, and goes on serving pages when it is closed', async () => {
    const { httpServer, server, http, ws } = await openBeside(open);
    const others = new WebSocketServer({ noServer: true });
    httpServer.on('upgrade', (request, socket, head) => {
      if (request.url === '/chat')
        others.handleUpgrade(request, socket, head, (opened) => opened.send('hello'));
    });
    const text = await new Promise((resolve, reject) => {
      const socket = new WebSocket(`${ws}chat`);
      socket.on('error', reject);
      socket.on('message', (data) => {
        resolve(String(data));
        socket.terminate();
      });
    });
    expect(text).toBe('hello');

    const { client } = openClient(`${ws}holdfast`);
    await client.publish('news', { publisher: 'client', n: 1 });
    await server.close();
    expect(await (await fetch(http)).text()).toBe(GREETING);
  });
});
