import { once } from 'node:events';
import { connect } from 'node:net';
import { HoldfastError, type ErrorCode, type HoldfastServer } from 'holdfast/server';
import { expect, it, onTestFinished } from 'vitest';
import { createApi, listen } from '../../src/standalone/api.ts';

/** The API before a server of which only this much is there, and what it warned of. */
async function apiOf(part: Partial<HoldfastServer>): Promise<{ port: number; warned: string[] }> {
  const warned: string[] = [];
  const server = { stats: () => ({ state: 'open' }), ...part } as unknown as HoldfastServer;
  const api = createApi(server, 'key', (text) => warned.push(text));
  const port = await listen(api, 0, '127.0.0.1');
  onTestFinished(() => void api.close());
  return { port, warned };
}

const headers = { authorization: 'Bearer key', connection: 'close' };

function publish(port: number, data: unknown): Promise<Response> {
  const body = JSON.stringify({ topic: 'news', data });
  return fetch(`http://127.0.0.1:${port}/publish`, { method: 'POST', headers, body });
}

/** What a backend is answered when its publish fails so. */
async function answerTo(thrown: Error): Promise<{ status: number; code: string }> {
  const { port } = await apiOf({ publish: () => Promise.reject(thrown) });
  const response = await publish(port, 1);
  const { code } = (await response.json()) as { code: string };
  return { status: response.status, code };
}

it.each<[ErrorCode, number, why: string]>([
  ['log-unavailable', 503, 'later'],
  ['closed', 503, 'by the worker that takes its place'],
  ['log-full', 507, 'once there is room'],
  ['too-big', 400, 'never as it is'],
])('%s is a %i: it can be carried out %s', async (code, status) => {
  expect(await answerTo(new HoldfastError(code, 'It failed.'))).toEqual({ status, code });
});

it('what is nobody’s word is a 500, and stays in the log', async () => {
  expect(await answerTo(new Error('a secret'))).toEqual({ status: 500, code: 'internal-error' });
});

it('a query is all that stands behind the first question mark', async () => {
  const asked: string[] = [];
  const topic = (name: string) => {
    asked.push(name);
    return { read: () => Promise.resolve({ messages: [] }) };
  };
  const { port } = await apiOf({ topic } as unknown as HoldfastServer);
  await fetch(`http://127.0.0.1:${port}/history?topic=why?&limit=3`, { headers });
  expect(asked).toEqual(['why?']);
});

it('[SUB-10] a message that can’t be decoded has an error in the history, and the others their data', async () => {
  const position = { epoch: 1, offset: 7 };
  const error = new HoldfastError('invalid-payload', 'The codec failed.');
  const messages = [
    { position, data: 1 },
    { position, data: undefined, error },
  ];
  const topic = () => ({ read: () => Promise.resolve({ messages, gap: undefined }) });
  const { port } = await apiOf({ topic } as unknown as HoldfastServer);
  const response = await fetch(`http://127.0.0.1:${port}/history?topic=news`, { headers });
  expect(await response.json()).toEqual({
    messages: [
      { position, data: 1 },
      { position, error: { code: 'invalid-payload', text: 'The codec failed.' } },
    ],
  });
});

it('a body that is too long is told so', async () => {
  const { port, warned } = await apiOf({});
  expect((await publish(port, 'x'.repeat(5_000_000))).status).toBe(413);
  expect(warned).toEqual([]);
});

it('a call that breaks off is no failure of the server', async () => {
  const { port, warned } = await apiOf({});
  const socket = connect(port, '127.0.0.1');
  const head = 'POST /publish HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer key\r\nExpect: 100-continue\r\n';
  socket.write(`${head}Content-Length: 9\r\n\r\n`);
  // Told to go on, so its body is being read.
  await once(socket, 'data');
  socket.resetAndDestroy();
  await once(socket, 'close');
  // What the break did is done before the next call is answered.
  expect((await fetch(`http://127.0.0.1:${port}/openapi.json`, { headers })).status).toBe(200);
  expect(warned).toEqual([]);
});
