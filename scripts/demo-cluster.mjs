// npm run demo:cluster [-- --log nats]: sets itself up, then runs two nodes on one Redis (or NATS) behind nginx, and
// serves the page that breaks them on http://localhost:8080 (PORT changes it) until Ctrl-C.
import { ensureSystemPackages } from './system-packages.mjs';
import { ensureBuilt, ensureInstalled } from './tools.mjs';

ensureInstalled();
ensureBuilt();
ensureSystemPackages([
  'nginx',
  process.argv.some((word) => /^(--log=)?nats$/.test(word)) ? 'nats-server' : 'redis-server',
]);
// In this very process, so that a signal to it ends everything, and not a wrapper around it.
const { register } = await import('tsx/esm/api');
register();
await import('../packages/dashboard/src/cluster/main.ts');
