// npm run guide -w packages/cli: writes docs/why-does-my-websocket-drop.md anew.
import { writeFileSync } from 'node:fs';
import { guide } from './guide.ts';

writeFileSync(new URL('../../../../docs/why-does-my-websocket-drop.md', import.meta.url), guide());
