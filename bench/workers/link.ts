import { connect, createServer, type Server, type Socket } from 'node:net';
import { monotonicMs, sleep } from '../lab/clock.ts';
import { serve } from '../lab/serve.ts';
import { seededRandom } from '../lab/statistics.ts';

/** The network between clients and server: one port per client, so that each can be cut off by itself. */

export interface Outage {
  readonly client: number;
  readonly cutAtMs: number;
  /** When the client's network was back. */
  backAtMs: number;
  /** When the client's next TCP connection was through; NaN while none was. */
  connectedAtMs: number;
}

export interface CutOptions {
  readonly seed: number;
  readonly everyMs: number;
  readonly offlineMs: number;
}

interface Line {
  readonly listener: Server;
  readonly sockets: Set<Socket>;
  outage: Outage | undefined;
}

let lines: Line[] = [];
let outages: Outage[] = [];
let wanted = false;

function accept(line: Line, socket: Socket, targetPort: number): void {
  socket.on('error', () => {});
  if (line.outage && Number.isNaN(line.outage.backAtMs)) {
    socket.resetAndDestroy();
    return;
  }
  if (line.outage && Number.isNaN(line.outage.connectedAtMs)) line.outage.connectedAtMs = monotonicMs();
  const upstream = connect({ port: targetPort, host: '127.0.0.1', noDelay: true });
  upstream.on('error', () => {});
  for (const [from, to] of [
    [socket, upstream],
    [upstream, socket],
  ] as const) {
    line.sockets.add(from);
    from.pipe(to);
    from.on('close', () => {
      line.sockets.delete(from);
      to.destroy();
    });
  }
}

/** Cuts one client again and again: about each `everyMs`, and for about `offlineMs`, both within ± a third. */
async function cutAgainAndAgain(client: number, { everyMs, offlineMs, seed }: CutOptions): Promise<void> {
  const line = lines[client] as Line;
  const random = seededRandom(seed + client);
  const about = (ms: number): number => ms * (2 / 3 + (2 / 3) * random());
  let waitMs = everyMs * random();
  for (;;) {
    await sleep(waitMs);
    if (!wanted) return;
    line.outage = { client, cutAtMs: monotonicMs(), backAtMs: Number.NaN, connectedAtMs: Number.NaN };
    for (const socket of line.sockets) socket.resetAndDestroy();
    await sleep(about(offlineMs));
    line.outage.backAtMs = monotonicMs();
    outages.push(line.outage);
    waitMs = about(everyMs) - offlineMs;
  }
}

function listen(targetPort: number): Promise<Line> {
  const line: Line = { listener: createServer({ noDelay: true }), sockets: new Set(), outage: undefined };
  line.listener.on('connection', (socket) => accept(line, socket, targetPort));
  return new Promise((resolve) => line.listener.listen(0, '127.0.0.1', () => resolve(line)));
}

const commands = {
  open: async ({ targetPort, count }: { targetPort: number; count: number }): Promise<number[]> => {
    lines = await Promise.all(Array.from({ length: count }, () => listen(targetPort)));
    return lines.map(({ listener }) => (listener.address() as { port: number }).port);
  },

  beginCutting: (options: CutOptions): void => {
    outages = [];
    wanted = true;
    for (const client of lines.keys()) void cutAgainAndAgain(client, options);
  },

  /** No new cuts; resolves when every client's network is back. */
  endCutting: async (): Promise<void> => {
    wanted = false;
    while (lines.some(({ outage }) => outage && Number.isNaN(outage.backAtMs))) await sleep(20);
  },

  /** How many clients have a connection. */
  connected: (): number => lines.filter(({ sockets }) => sockets.size > 0).length,
  outages: (): Outage[] => outages,
};

export type LinkCommands = typeof commands;
serve(commands);
