// npm start: sets itself up, then serves the page on http://localhost:8080 (PORT changes it) until Ctrl-C.
import { ensureBuilt, ensureInstalled } from './tools.mjs';

ensureInstalled();
ensureBuilt();
// In this very process, so that a signal to it ends everything, and not a wrapper around it.
const { register } = await import('tsx/esm/api');
register();
await import('../packages/dashboard/src/main.ts');
