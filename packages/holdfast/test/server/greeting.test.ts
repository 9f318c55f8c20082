import { expect, it, onTestFinished } from 'vitest';
import { encode } from '../../src/protocol/codec.ts';
import type { EngineHost, EngineSocket } from '../../src/server/engine.ts';
import { memoryLog } from '../../src/server/logs/memory.ts';
import { resolveOptions } from '../../src/server/options.ts';
import { HoldfastServer } from '../../src/server/server.ts';
import { systemClock } from '../../src/server/system-clock.ts';
import { deferred } from './fixture.ts';
import { helloRecord } from './raw-client.ts';

it.each([
  { verdict: { id: 'ann' }, outcome: 'taken in' },
  { verdict: undefined, outcome: 'refused' },
])(
  '[HELLO-2] from its second message on, nothing is read of who is not welcomed yet, until it is $outcome',
  async ({ verdict }) => {
    const judged = deferred<{ id: string } | undefined>();
    const ended = deferred();
    let host!: EngineHost;
    const server = new HoldfastServer({
      options: resolveOptions({ authenticate: () => judged.promise, logger: false }),
      log: memoryLog(),
      clock: systemClock,
      random: Math.random,
      engine: (given) => {
        host = given;
        return { listen: async () => ({ port: 1 }), attach() {}, close: async () => {} };
      },
    });
    onTestFinished(async () => {
      handler.handleClose(1006, '');
      await server.close();
    });
    await server.listen(1);
    let isRead = true;
    const socket: EngineSocket = {
      bufferedBytes: 0,
      send: () => ended.resolve(),
      close: () => ended.resolve(),
      terminate() {},
      pause: () => (isRead = false),
      resume: () => (isRead = true),
    };
    const handler = host.open(socket, { url: '/', headers: {}, address: '198.51.100.1' });
    const publish = { type: 'publish', sequence: 1, topic: 't', payload: new Uint8Array(9) } as const;
    handler.handleMessage(encode([helloRecord(), publish]));
    expect(isRead).toBe(true);
    handler.handleMessage(encode([{ ...publish, sequence: 2 }]));
    expect(isRead).toBe(false);
    judged.resolve(verdict);
    await ended.promise;
    expect(isRead).toBe(true);
  },
);
