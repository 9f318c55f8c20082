// npm run build: compiles every package to its dist/.
import { ensureBuilt, ensureInstalled } from './tools.mjs';

ensureInstalled();
ensureBuilt({ force: true });
