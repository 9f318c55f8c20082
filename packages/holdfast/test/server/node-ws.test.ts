import { describe, it } from 'vitest';
import { nodeWsEngine } from '../../src/server/engines/node-ws.ts';
import { describeEngine } from '../../src/testing/contracts/engine-contract.ts';

describeEngine('node-ws', (host) => nodeWsEngine(host, undefined), {
  describe,
  it: (title, body) => it(title, body, 30_000),
});
