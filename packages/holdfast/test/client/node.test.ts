import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { connect } from '../../src/client/node.ts';

const patient = { timeout: 10_000, interval: 10 };

it('[RET-5] in Node, what HTTP answers instead of the upgrade is the reason, and its Retry-After is kept', async () => {
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers.upgrade);
    response.writeHead(503, { 'retry-after': '40' }).end('Busy.');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const client = connect(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  onTestFinished(() => client.close());
  await vi.waitFor(() => expect(client.status.phase).toBe('waiting'), patient);
  const { cause, retryAt, since } = client.status;
  expect(cause).toMatchObject({ code: 'http-503', text: expect.stringContaining('HTTP 503') as string });
  expect(retryAt! - since).toBeGreaterThanOrEqual(40_000);
  expect(retryAt! - since).toBeLessThanOrEqual(60_000);
  expect(asked).toEqual(['websocket']);
});

it('[RET-5] in Node, what the system says of a port where nobody listens is the reason', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const client = connect(`ws://127.0.0.1:${port}/`);
  onTestFinished(() => client.close());
  await vi.waitFor(() => expect(client.status.cause?.text).toContain('ECONNREFUSED'), patient);
  expect(client.status.cause?.code).toBe('unreachable');
});
