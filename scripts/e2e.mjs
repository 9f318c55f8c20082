// npm run e2e [-- PATTERN …]: the tests against real browsers, proxies, processes and networks.
import { ensureSystemPackages } from './system-packages.mjs';
import { ensureBuilt, ensureInstalled, runBin } from './tools.mjs';

ensureInstalled();
ensureBuilt();
ensureSystemPackages();
runBin('vitest', ['run', '--project', 'e2e', ...process.argv.slice(2)]);
