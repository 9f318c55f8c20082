import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from '../../src/server/create-server.ts';
import { RawClient } from './raw-client.ts';

/** Opens a server in one way or another, closes it, and has nothing else to live for. Run by exit.test.ts. */
const ways: Record<string, () => Promise<void>> = {
  async unused() {
    await createServer({ logger: false }).close();
  },
  async listened() {
    const server = createServer({ logger: false });
    await server.listen(0, '127.0.0.1');
    await server.publish('t', 1);
    await server.close();
  },
  async connected() {
    const server = createServer({
      logger: false,
      authenticate: () => ({ id: 'a', expiresAtMs: Date.now() + 3_600_000 }),
    });
    const { port } = await server.listen(0, '127.0.0.1');
    const client = await RawClient.connect(port);
    await RawClient.dial(port);
    await client.subscribed(1, 't');
    await server.close();
  },
  async drained() {
    const server = createServer({ logger: false });
    const { port } = await server.listen(0, '127.0.0.1');
    const client = await RawClient.connect(port);
    const draining = server.drain({ deadlineMs: 3_600_000 });
    await client.next('go-away');
    await server.close();
    await draining;
  },
  async attached() {
    const http = createHttpServer();
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    const server = createServer({ logger: false });
    await server.attach(http);
    await RawClient.connect((http.address() as AddressInfo).port, {}, { path: '/holdfast' });
    await server.close();
    http.close();
  },
  async failed() {
    const [first, second] = [createServer({ logger: false }), createServer({ logger: false })];
    const { port } = await first.listen(0, '127.0.0.1');
    await second.listen(port, '127.0.0.1').catch(() => {});
    await Promise.all([first.close(), second.close()]);
  },
};

await ways[process.argv[2] ?? '']!();
process.stdout.write('closed\n');
