import { HoldfastError, type ErrorCode, type HoldfastServer } from 'holdfast/server';
import { expect, it, onTestFinished } from 'vitest';
import { createApi, listen } from '../../src/standalone/api.ts';

/** What a backend is answered when its publish fails so. */
async function answerTo(thrown: Error): Promise<{ status: number; code: string }> {
  const server = {
    publish: () => Promise.reject(thrown),
    stats: () => ({ state: 'open' }),
  } as unknown as HoldfastServer;
  const api = createApi(server, 'key', () => {});
  const port = await listen(api, 0, '127.0.0.1');
  onTestFinished(() => void api.close());
  const response = await fetch(`http://127.0.0.1:${port}/publish`, {
    method: 'POST',
    headers: { authorization: 'Bearer key', connection: 'close' },
    body: JSON.stringify({ topic: 'news', data: 1 }),
  });
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
