/**
 * One node of the cluster. Its keeper forks it with HOLDFAST_NODE (its name), HOLDFAST_PORT, HOLDFAST_ORIGINS,
 * HOLDFAST_LOG and HOLDFAST_PUBLISHER (the token of the only one who may publish).
 */
import { createServer, type MessageLog } from 'holdfast/server';
import { HOLDFAST_PATH, TICKS_TOPIC } from '../../events.ts';
import { NODE_METHOD, type FromNode } from '../events.ts';

const FIGURES_MS = 500;
/** Shorter than the default of 30 s, so that a pause of 10 s shows what becomes of publishes that wait. */
const DEADLINE_MS = 5_000;

// Without its keeper nobody could end it.
process.on('disconnect', () => process.exit());
// Ctrl-C reaches the whole group; the supervisor decides when this process ends.
process.on('SIGINT', () => {});

const { HOLDFAST_NODE: name, HOLDFAST_PORT, HOLDFAST_ORIGINS = '', HOLDFAST_PUBLISHER } = process.env;
const log = await openLog(process.env['HOLDFAST_LOG'] ?? '');
const server = createServer({
  log,
  path: HOLDFAST_PATH,
  origins: HOLDFAST_ORIGINS.split(','),
  authenticate: ({ token }) => ({ id: token === HOLDFAST_PUBLISHER ? 'publisher' : 'viewer' }),
  authorize: ({ id }, action, topic) =>
    action === 'request' || (topic === TICKS_TOPIC && (action === 'subscribe' || id === 'publisher')),
  // Faster than the defaults of 25 s and 5 s, because people wait for it here.
  heartbeat: { intervalMs: 2_000 },
  limits: { nodeBeatMs: 1_000 },
  logger: false,
});
server.method(NODE_METHOD, () => name);
try {
  tell({ type: 'listening', port: (await server.listen(Number(HOLDFAST_PORT), '127.0.0.1')).port });
} catch (error) {
  console.error(`Node ${name}: ${(error as Error).message}`);
  process.exit(1);
}

setInterval(() => {
  const { connections } = server.stats();
  const nodes = server.clusterStats().nodes.length;
  tell({ type: 'figures', connections, nodes, trouble: log.health?.() ?? '' });
}, FIGURES_MS);

async function openLog(url: string): Promise<MessageLog> {
  if (url.startsWith('nats:'))
    return (await import('holdfast/logs/nats')).natsLog({ url, deadlineMs: DEADLINE_MS });
  return (await import('holdfast/logs/redis')).redisLog({
    url,
    deadlineMs: DEADLINE_MS,
    answerTimeoutMs: 3_000,
    probeIntervalMs: 1_000,
  });
}

function tell(message: FromNode): void {
  if (process.connected) process.send?.(message, () => {});
}
