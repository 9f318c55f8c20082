import { connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * A way to a Redis whose present subscribers can be made deaf: what Redis says to them from then on is dropped, and
 * nobody is told. Commands and their answers pass, and so does everything on later connections.
 */
export interface DeafProxy {
  port: number;
  deafen(): void;
  /** What was dropped so far. */
  droppedBytes: number;
}

export async function openDeafProxy(redisPort: number): Promise<DeafProxy> {
  const subscribers = new Set<Socket>();
  const deaf = new Set<Socket>();
  const deafen = (): void => subscribers.forEach((subscriber) => deaf.add(subscriber));
  const proxy: DeafProxy = { port: 0, deafen, droppedBytes: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((inner) => {
    const outer = connect(redisPort, '127.0.0.1');
    for (const socket of [inner, outer]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => [inner, outer].forEach((each) => each.destroy()));
    }
    inner.on('data', (data) => {
      if (/\$9\r\nsubscribe\r\n/i.test(data.toString('latin1'))) subscribers.add(inner);
      outer.write(data);
    });
    outer.on('data', (data) => {
      if (deaf.has(inner)) proxy.droppedBytes += data.length;
      else inner.write(data);
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  proxy.port = (server.address() as { port: number }).port;
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return proxy;
}
