import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createChaosProxy, type ChaosProxy } from '@holdfast/chaos';
import { LINES_LATENCY_MS, type Command, type FeedEvents, type PanelState } from '../events.ts';
import type { Running } from '../foreground.ts';
import { Breaker } from './breaker.ts';
import { ownOrigins, parseCommand } from './command.ts';
import { Feed } from './feed.ts';
import { answer, type FrontDoorParts } from './front-door.ts';
import { loadPageFiles } from './page-files.ts';
import { Publisher } from './publisher.ts';
import { ServerKeeper } from './server-keeper.ts';

/**
 * Starts everything behind the page: the page itself, its control endpoint, the proxies between the browser and
 * the server process, and that process, which keeps its topics in `log`. Only the process dies; all else survives
 * whatever is broken.
 *
 * @throws what `listen` throws (EADDRINUSE, EACCES) when the port can't be had.
 */
export async function startSupervisor(wantedPort: number, log: string): Promise<Running> {
  // The port first, because it is what most likely fails. Who asks early waits until all else stands.
  const http = createServer({ requestTimeout: 10_000, maxHeaderSize: 16_384 });
  const port = await listen(http, wantedPort);

  const feed = new Feed<FeedEvents>();
  const keeper = new ServerKeeper(
    { origins: ownOrigins(port), log },
    {
      changed: () => feed.tell('state', state()),
      published: (message) => feed.tell('published', message),
      warned: (text) => console.error(text),
    },
  );
  const lines = await openLines(keeper);
  const linePorts = lines.map((line) => line.port);
  const publisher = new Publisher((n) => keeper.publish(n));
  const breaker = new Breaker({
    proxy: lines[0]!,
    keeper,
    publisher,
    changed: () => feed.tell('state', state()),
    marked: (mark) => feed.tell('mark', mark),
    warned: (text) => console.error(text),
  });
  const state = (): PanelState => ({
    server: keeper.phase,
    processId: keeper.processId,
    faults: breaker.faults,
  });
  const stop = async (): Promise<void> => {
    publisher.stop();
    breaker.stop();
    feed.close();
    http.close();
    http.closeAllConnections();
    keeper.stop();
    await Promise.all(lines.map((line) => line.close()));
  };

  const run = randomUUID();
  const ready = Promise.all([loadPageFiles('page'), keeper.start()]).then(
    ([files]): FrontDoorParts<Command> => {
      publisher.start('steady');
      return {
        files,
        port,
        linePorts,
        watch: (response) => feed.add(response, { run, linePorts, log: kindOf(log), state: state() }),
        parse: parseCommand,
        command: (command) => breaker.handle(command),
      };
    },
  );
  http.on('request', async (request, response) => {
    try {
      await answer(request, response, await ready);
    } catch {
      // A browser that went away in the middle of its request, or a start that fails, which is told below.
      response.destroy();
    }
  });
  try {
    await ready;
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `http://localhost:${port}`, stop };
}

/** All lead to the same process, the later ones over a longer way that no fault strikes. */
function openLines(keeper: ServerKeeper): Promise<ChaosProxy[]> {
  const target = (): ServerKeeper['target'] => keeper.target;
  return Promise.all(
    LINES_LATENCY_MS.map((latencyMs) => createChaosProxy({ target, faults: { latencyMs } })),
  );
}

/** `redis` of `redis://user:password@host`: the page needs to know no more. */
function kindOf(log: string): string {
  return log.split(':', 1)[0]!.replace('rediss', 'redis');
}

export async function listen(http: Server, port: number): Promise<number> {
  http.listen(port, '127.0.0.1');
  await once(http, 'listening');
  return (http.address() as AddressInfo).port;
}
