import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createChaosProxy, type ChaosProxy } from '@holdfast/chaos';
import type { Running } from '../foreground.ts';
import { ownOrigins } from '../supervisor/command.ts';
import { Feed } from '../supervisor/feed.ts';
import { answer } from '../supervisor/front-door.ts';
import { loadPageFiles } from '../supervisor/page-files.ts';
import { ClusterBreaker } from './cluster-breaker.ts';
import { parseClusterCommand } from './command.ts';
import { nodeNames, type ClusterFeed, type LogKind, type NodeName } from './events.ts';
import { NodeKeeper } from './node-keeper.ts';
import { startLogProgram, startNginx } from './programs.ts';
import { ClusterPublisher } from './publisher.ts';

/**
 * Starts a log, two nodes on it, each by a way of its own, nginx before them, a publisher, and the page.
 *
 * @throws what `listen` throws (EADDRINUSE, EACCES), or what a program said that did not start.
 */
export async function startCluster(wantedPort: number, kind: LogKind): Promise<Running> {
  /** What must be stopped, the latest first. */
  const started: (() => unknown)[] = [];
  const stop = async (): Promise<void> => {
    for (const end of started.splice(0).toReversed()) await end();
  };
  try {
    return { url: await startParts(wantedPort, kind, started), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(wantedPort: number, kind: LogKind, started: (() => unknown)[]): Promise<string> {
  // The port first, because it is what most likely fails.
  const http = createServer({ requestTimeout: 10_000, maxHeaderSize: 16_384 });
  http.listen(wantedPort, '127.0.0.1');
  await once(http, 'listening');
  started.push(() => {
    http.close();
    http.closeAllConnections();
  });
  const { port } = http.address() as AddressInfo;
  const feed = new Feed<ClusterFeed>();
  started.push(() => feed.close());

  const log = await startLogProgram(kind);
  started.push(() => log.stop());
  const ways = new Map<NodeName, ChaosProxy>();
  const nodes = new Map<NodeName, NodeKeeper>();
  const publisherToken = randomUUID();
  let publisher: ClusterPublisher | undefined;
  const changed = (): void => feed.tell('state', breaker.state);
  const breaker = new ClusterBreaker({
    nodes,
    ways,
    log,
    kind,
    waiting: () => publisher?.waiting ?? 0,
    changed,
    marked: (mark) => feed.tell('mark', mark),
  });
  started.push(() => breaker.stop());
  for (const name of nodeNames) {
    const way = await createChaosProxy({ target: { host: '127.0.0.1', port: log.port } });
    started.push(() => way.close());
    ways.set(name, way);
    const options = { name, origins: ownOrigins(port), log: way.url(kind), publisherToken };
    const keeper = new NodeKeeper(options, changed);
    started.push(() => keeper.stop());
    nodes.set(name, keeper);
  }
  const [files] = await Promise.all([
    loadPageFiles('cluster/page'),
    ...Array.from(nodes.values(), (keeper) => keeper.start()),
  ]);
  const nginx = await startNginx(Array.from(nodes.values(), (keeper) => keeper.port));
  started.push(() => nginx.stop());
  publisher = new ClusterPublisher(nginx.port, publisherToken, {
    acknowledged: (message) => feed.tell('published', message),
    changed,
  });
  started.push(() => publisher?.stop());

  const run = randomUUID();
  http.on('request', (request, response) => {
    answer(request, response, {
      files,
      port,
      linePorts: [nginx.port],
      watch: (stream) => feed.add(stream, { run, port: nginx.port, log: kind, state: breaker.state }),
      parse: parseClusterCommand,
      command: (command) => breaker.handle(command),
      // A browser that went away in the middle of its request.
    }).catch(() => response.destroy());
  });
  return `http://localhost:${port}`;
}
