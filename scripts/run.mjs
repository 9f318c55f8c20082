// Runs a TypeScript file against the sources (no build needed): node scripts/run.mjs FILE [ARG …]
import { ensureInstalled, fail, runBin } from './tools.mjs';

const [file, ...args] = process.argv.slice(2);
if (!file) fail('Usage: node scripts/run.mjs FILE.ts [ARG …]');
ensureInstalled();
runBin('tsx', ['--conditions=source', file, ...args]);
