import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { expect } from 'vitest';
import { nginx, NGINX_UPGRADE } from '../proxies.ts';
import { closesIdle, echoServer, type EchoOptions, rawServer } from '../servers.ts';
import { type Animal, stopping, type ZooCase, type ZooGroup } from '../zoo.ts';

async function alone(options: EchoOptions = {}): Promise<Animal> {
  const server = await echoServer(options);
  return { url: server.url, stop: () => server.stop() };
}

async function raw(serve: (socket: Socket) => void): Promise<Animal> {
  const server = await rawServer(serve);
  return { url: server.url, stop: () => server.stop() };
}

const after = (ms: number, act: () => void) => void setTimeout(act, ms).unref();

/** Lets so many in; `forgets` says whether a closed one makes room again. */
function bounded(max: number, releases: boolean): EchoOptions {
  let count = 0;
  return {
    admit: () => (count >= max ? 503 : null),
    onConnection: (socket) => {
      count += 1;
      if (releases) socket.on('close', () => (count -= 1));
    },
  };
}

function acceptFor(request: string): string {
  const key = /sec-websocket-key: (.*)\r\n/i.exec(request)?.[1] ?? '';
  return createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
}

const switching = (accept: string) =>
  `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;

const cases: readonly ZooCase[] = [
  {
    title: 'a plain server as it should be',
    start: () => alone(),
    id: 'stable',
    hop: 'none',
    // A slow machine may need longer than announced, but not by much.
    check: ({ durationMs, plan }) => expect(durationMs).toBeLessThan(plan.durationMs * 3),
  },
  {
    title: 'the same, with compression',
    start: () => alone({ webSocket: { perMessageDeflate: true } }),
    id: 'stable',
    hop: 'none',
    check: ({ measurements }) => expect(measurements.public.compression?.negotiated).toBe(true),
  },
  {
    title: 'one that pings by itself',
    start: () =>
      alone({
        onConnection: (socket) => {
          const timer = setInterval(() => socket.ping(), 700);
          socket.on('close', () => clearInterval(timer));
        },
      }),
    id: 'stable',
    hop: 'none',
    check: ({ measurements }) => expect(measurements.public.idle?.serverSpeaksEveryMs).toBeGreaterThan(300),
  },
  {
    title: 'closes idle clients with a Close frame',
    start: () => alone({ onConnection: closesIdle(2_000, 'close-frame') }),
    id: 'idle-limit',
    hop: 'server',
    limitMs: 2_000,
  },
  {
    title: 'terminates idle clients',
    start: () => alone({ onConnection: closesIdle(2_000, 'terminate') }),
    id: 'idle-limit',
    hop: 'server',
    limitMs: 2_000,
  },
  {
    title: 'terminates clients that send no messages, whatever they ping',
    start: () => alone({ onConnection: closesIdle(2_000, 'terminate', 'messages only') }),
    id: 'idle-limit',
    hop: 'server',
    limitMs: 2_000,
  },
  {
    title: 'the same behind nginx',
    needs: ['nginx'],
    start: async () => {
      const server = await echoServer({ onConnection: closesIdle(2_000, 'terminate', 'messages only') });
      const proxy = await nginx({
        location: `proxy_pass http://127.0.0.1:${server.port};\n${NGINX_UPGRADE}`,
      });
      return { url: proxy.url, stop: stopping(server, proxy) };
    },
    id: 'idle-limit',
    hop: 'server',
    limitMs: 2_000,
  },
  {
    title: 'closes everyone at an age',
    start: () => alone({ onConnection: (socket) => after(2_500, () => socket.close(4001, 'too old')) }),
    id: 'lifetime-limit',
    hop: 'server',
    limitMs: 2_500,
  },
  {
    title: 'never answers pings',
    start: () => alone({ webSocket: { autoPong: false } }),
    id: 'no-pong',
    hop: 'server',
  },
  {
    title: 'closes at once',
    start: () => alone({ onConnection: (socket) => after(100, () => socket.close(4401, 'sign in')) }),
    id: 'closed-at-once',
    hop: 'server',
  },
  {
    title: 'bounds its connections',
    start: () => alone(bounded(8, true)),
    id: 'connection-limit',
    hop: 'server',
  },
  { title: 'leaks, then refuses', start: () => alone(bounded(16, false)), id: 'slots-leaked', hop: 'server' },
  {
    title: 'takes messages of 16 KiB at most',
    start: () => alone({ webSocket: { maxPayload: 16 * 1024 } }),
    id: 'message-cut',
    hop: 'server',
  },
  {
    title: 'wants another subprotocol',
    start: () => alone({ webSocket: { handleProtocols: () => false } }),
    options: { subprotocols: ['chat.v2'] },
    id: 'subprotocol-mismatch',
    hop: 'server',
  },
  {
    title: 'speaks the subprotocol',
    start: () => alone(),
    options: { subprotocols: ['chat.v2'] },
    depths: ['quick'],
    id: 'stable',
    hop: 'none',
  },
  {
    title: 'asks for credentials',
    start: () => alone({ admit: () => 401 }),
    id: 'not-authorized',
    hop: 'server',
  },
  {
    title: 'refuses the Origin of a browser',
    start: () => alone({ admit: ({ headers }) => (headers.origin === undefined ? null : 403) }),
    id: 'origin-refused',
    hop: 'server',
  },
  {
    title: 'has no WebSocket at this path',
    start: () => alone({ admit: () => 404 }),
    id: 'not-found',
    hop: 'server',
  },
  {
    title: 'fails in the handshake',
    start: () => alone({ admit: () => 500 }),
    id: 'server-error',
    hop: 'server',
  },
  {
    title: 'is an ordinary web server',
    start: () => alone({ admit: () => 200 }),
    id: 'not-websocket',
    hop: 'server',
  },
  {
    title: 'answers a message with something else',
    start: () => alone(),
    options: { expect: 'something else' },
    id: 'wrong-answer',
    hop: 'server',
  },
  {
    title: 'answers the handshake of somebody else',
    start: () => raw((socket) => socket.once('data', () => socket.write(switching('bm90IHlvdXJz')))),
    id: 'bad-accept',
    hop: 'server',
  },
  {
    title: 'cuts the handshake',
    start: () => raw((socket) => socket.once('data', () => socket.resetAndDestroy())),
    id: 'upgrade-cut',
    hop: 'server',
  },
  {
    title: 'accepts and says nothing',
    start: () => raw(() => {}),
    id: 'backend-silent',
    hop: 'server',
  },
  {
    title: 'sends garbage',
    start: () => raw((socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n')),
    id: 'garbage',
    hop: 'server',
  },
  {
    title: 'sends a response head without end',
    start: () =>
      raw((socket) => {
        const more = () => {
          while (!socket.destroyed && socket.write('X-More: yes\r\n'.repeat(100)));
        };
        socket.on('drain', more);
        socket.write('HTTP/1.1 200 OK\r\n');
        more();
      }),
    id: 'endless',
    hop: 'server',
  },
  {
    title: 'sends frames that no client may accept',
    start: () =>
      raw((socket) =>
        socket.once('data', (request: Buffer) => {
          socket.write(switching(acceptFor(request.toString('latin1'))));
          socket.write(Buffer.from([0xff, 0xff, 0xff, 0xff]));
        }),
      ),
    id: 'closed-at-once',
    hop: 'server',
  },
  {
    title: 'floods every connection with messages',
    start: () =>
      alone({
        onConnection: (socket) => {
          const flood = setInterval(() => {
            for (let i = 0; i < 20 && socket.bufferedAmount < 1e6; i += 1) socket.send('x'.repeat(1_000));
          }, 20);
          socket.on('close', () => clearInterval(flood));
        },
      }),
    depths: ['quick'],
    id: 'stable',
    hop: 'none',
  },
];

export const serverCases: ZooGroup = { name: 'servers', cases: cases };
