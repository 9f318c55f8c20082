import { createServer as createHttpServer } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { createServer, memoryLog, type ServerOptions } from '../../src/server/create-server.ts';
import { aSentence, startServer } from './fixture.ts';
import { RawClient } from './raw-client.ts';

function open(options: ServerOptions = {}) {
  const server = createServer({ logger: false, ...options });
  onTestFinished(() => server.close());
  return server;
}

/** A value that the types forbid. */
const wrong = (value: unknown) => value as never;

const isClosed = { name: 'HoldfastError', code: 'closed', message: aSentence };

/** What people write at first, and what the error must tell them. */
const mistakes: Record<string, [() => unknown, code: string, text: RegExp]> = {
  'options that are a port': [() => createServer(wrong(8_080)), 'invalid-option', /"options" is 8080/],
  'the port as an option': [() => open(wrong({ port: 8_080 })), 'invalid-option', /server\.listen\(port\)/],
  'an HTTP server as an option': [() => open(wrong({ server: {} })), 'invalid-option', /attach/],
  'a port that is no number': [() => open().listen(wrong('abc')), 'invalid-option', /port" is "abc"/],
  'a port that is not set': [() => open().listen(wrong(undefined)), 'invalid-option', /is undefined/],
  'a port that there is not': [() => open().listen(70_000), 'invalid-option', /65,535/],
  'a second port': [
    async () => {
      const server = open();
      await server.listen(0);
      await server.listen(0);
    },
    'invalid-option',
    /listens on port \d+ already/,
  ],
  'attach to nothing': [() => open().attach(wrong(undefined)), 'invalid-option', /createServer\(app\)/],
  'attach to an application': [
    () => open().attach(wrong(Object.assign(() => {}, { on() {}, listen() {} }))),
    'invalid-option',
    /is a function; give the HTTP server/,
  ],
  'attach at a path without its slash': [
    () => open().attach(createHttpServer(), { path: 'live' }),
    'invalid-option',
    /"path" is "live"/,
  ],
  'a path of an HTTP server that is taken': [
    async () => {
      const http = createHttpServer();
      await open().attach(http, { path: '/live' });
      await open().attach(http, { path: '/live' });
    },
    'invalid-option',
    /"\/live".*served already/,
  ],
  'an option that attach does not have': [
    () => open().attach(createHttpServer(), wrong({ paths: '/live' })),
    'invalid-option',
    /"options\.paths".*path/,
  ],
  'a method without its handler': [
    () => open().method('sum', wrong(undefined)),
    'invalid-option',
    /"sum" is undefined; it must be a function/,
  ],
  'a method without its name': [
    () => open().method(wrong(undefined), () => 1),
    'invalid-option',
    /"name" is undefined; it must be a text/,
  ],
  'a method of the server’s own': [
    () => open().method('$presence', () => 1),
    'invalid-option',
    /begin with \$/,
  ],
  'a place in a topic that is none': [
    () =>
      open()
        .topic('t')
        .read({ after: wrong('12') }),
    'invalid-option',
    /"after" is "12"; it must be a position/,
  ],
  'an event of another library': [
    () => open().on(wrong('connection'), () => {}),
    'invalid-option',
    /"connection".*connect, disconnect/,
  ],
  'a topic that is not set': [() => open().publish(wrong(undefined), 1), 'invalid-name', /needs a name/],
  'a topic of the server’s own': [() => open().publish('$inbox', 1), 'reserved-topic', /begin with \$/],
  'half a character in a topic': [() => open().publish('\ud83d', 1), 'invalid-name', /halves/],
  'a signal on no topic': [() => open().topic(wrong(undefined)).signal(1), 'invalid-name', /needs a name/],
  'a signal that is too big': [() => open().topic('t').signal('x'.repeat(1_048_576)), 'too-big', /Split it/],
  'a user that is not set': [() => open().sendToUser(wrong(undefined), 1), 'invalid-name', /authenticate/],
  'an option that publish does not have': [
    () => open().publish('t', 1, wrong({ key: 'order-1' })),
    'invalid-option',
    /"options\.key".*idempotencyKey/,
  ],
  'an option that read does not have': [
    () =>
      open()
        .topic('t')
        .read(wrong({ count: 5 })),
    'invalid-option',
    /"options\.count".*after, limit/,
  ],
  'a drain without a deadline': [
    () => open().drain({ deadlineMs: Number(undefined) }),
    'invalid-option',
    /^drain: "deadlineMs" is NaN/,
  ],
  'a deadline with its unit': [
    () => open().drainOnSignal({ deadlineMs: wrong('25s') }),
    'invalid-option',
    /^drainOnSignal: "deadlineMs" is "25s"/,
  ],
  'a signal that is no list': [
    () => open().drainOnSignal({ signals: wrong('SIGTERM') }),
    'invalid-option',
    /^drainOnSignal: "signals" is "SIGTERM"/,
  ],
  'a BigInt as data': [() => open().publish('t', 7n), 'invalid-payload', /BigInt/],
};

for (const [what, [make, code, text]] of Object.entries(mistakes)) {
  it(`[ERR-1] ${what}: ${code}, and what to do instead`, async () => {
    const made = new Promise((resolve) => resolve(make()));
    await expect(made).rejects.toMatchObject({ name: 'HoldfastError', code, message: aSentence });
    await expect(made).rejects.toThrow(text);
  });
}

it('[ERR-1] a port from the environment, which is a text, will do', async () => {
  const { port } = await open().listen(wrong('0'));
  expect(port).toBeGreaterThan(0);
});

it('[ERR-1] data that can’t be sent to a session rejects, and throws nothing', async () => {
  const { port, server } = await startServer();
  const { session } = (await RawClient.connect(port)).welcome;
  const sent = server.session(session)!.send(7n);
  await expect(sent).rejects.toMatchObject({ code: 'invalid-payload', message: aSentence });
});

it('[ERR-1] a server that is closed while its port is being opened leaves no port behind', async () => {
  const server = open();
  const listening = server.listen(0, 'localhost');
  const closed = server.close();
  const { port } = await listening;
  await closed;
  await expect(fetch(`http://localhost:${port}/healthz`)).rejects.toThrow();
});

it('[ERR-1] of two ports that are asked for at once the second is refused', async () => {
  const server = open();
  const [first, second] = await Promise.allSettled([server.listen(0), server.listen(0)]);
  expect(first.status).toBe('fulfilled');
  expect(second).toMatchObject({ reason: { code: 'invalid-option', message: aSentence } });
});

it('[ERR-1] a server that was closed takes nothing any more, and says so', async () => {
  const server = open();
  await server.publish('t', 1);
  await server.close();
  await expect(server.publish('t', 2)).rejects.toMatchObject(isClosed);
  await expect(server.sendToUser('ann', 2)).rejects.toMatchObject(isClosed);
  await expect(server.listen(0)).rejects.toMatchObject(isClosed);
  await expect(server.attach(createHttpServer())).rejects.toMatchObject(isClosed);
});

it('[ERR-1] a log that can’t be opened is told by what needs it, and the server can be closed', async () => {
  const log = Object.assign(memoryLog(), { open: () => Promise.reject(new Error('The disk is full.')) });
  const server = createServer({ logger: false, log });
  await expect(server.listen(0)).rejects.toThrow('The disk is full.');
  await server.close();
});

it('[RET-5] by HTTP, too, a server of one path says that nothing is served at another', async () => {
  const { port } = await startServer({ path: '/live' });
  const there = await fetch(`http://127.0.0.1:${port}/live?room=7`);
  expect(there.status).toBe(426);
  const elsewhere = await fetch(`http://127.0.0.1:${port}/other`);
  expect([elsewhere.status, await elsewhere.json()]).toEqual([
    404,
    { error: expect.stringContaining('/live') },
  ]);
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200);
});
