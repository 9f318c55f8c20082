import { once } from 'node:events';
import { connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { settle } from '../../src/doctor/options.ts';
import { tryConnect } from '../../src/doctor/steps/http2.ts';

it('the extended CONNECT carries the headers that were given, but for those of one connection', async () => {
  const server = createServer({ settings: { enableConnectProtocol: true } });
  const streamed = once(server, 'stream');
  server.on('stream', (stream) => stream.respond({ ':status': 200 }));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(() => {
    session.destroy();
    server.close();
  });
  const settings = settle({
    url: 'wss://example.com/live',
    headers: [
      ['Connection', 'keep-alive, Upgrade'],
      ['Upgrade', 'websocket'],
      ['Cookie', 'a=1'],
    ],
  });
  const { target } = settings;
  const { signal } = new AbortController();
  expect(await tryConnect(session, { target, settings, origin: null, signal })).toEqual({
    offersWebSocket: true,
    status: 200,
  });
  const [, headers] = await streamed;
  expect(headers).toMatchObject({ ':protocol': 'websocket', ':path': '/live', cookie: 'a=1' });
});
