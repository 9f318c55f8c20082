import { describe, expect, it, vi } from 'vitest';
import { memoryLog } from '../../src/server/create-server.ts';
import { aSentence, deferred, rulesFor, startServer, ways } from './fixture.ts';
import { RawClient } from './raw-client.ts';

describe('rights that are withdrawn', () => {
  for (const [when, way] of Object.entries(ways)) {
    it(`[AUTH-4] reauthorize ends what is no longer allowed with a gap, answered ${when}`, async () => {
      const rights = new Set(['a', 'b']);
      const { port, server } = await startServer(rulesFor((_, name) => way(rights.has(name))));
      const ann = await RawClient.connect(port, { token: 'ann' });
      const bob = await RawClient.connect(port, { token: 'bob' });
      await bob.subscribed(1, 'a');
      await bob.subscribed(2, 'b');
      await bob.subscribed(3, '$inbox');
      rights.delete('a');
      await server.session(bob.welcome.session)?.reauthorize();
      expect(await bob.next('gap')).toMatchObject({ subscription: 1, reason: 'not-authorized' });
      expect(await bob.next('failed')).toMatchObject({
        operation: 'subscribe',
        id: 1,
        code: 'not-authorized',
        text: aSentence,
      });
      await ann.published(1, 'a', 'not for bob');
      await ann.published(2, 'b', 'for bob');
      await server.session(bob.welcome.session)?.send('in the inbox');
      expect(await bob.dataOf(2)).toEqual(['for bob', 'in the inbox']);
    });
  }

  for (const what of ['the log opens', 'authorize has allowed'] as const) {
    it(`[AUTH-4] reauthorize ends what is withdrawn before ${what} it`, async () => {
      const [reached, opened] = [deferred(), deferred()];
      const log = memoryLog();
      const follow = log.follow.bind(log);
      const wait = async (where: typeof what): Promise<void> => {
        if (where !== what) return;
        reached.resolve();
        await opened.promise;
      };
      log.follow = async (...args) => {
        await wait('the log opens');
        return follow(...args);
      };
      let isAllowed = true;
      const rules = rulesFor(async () => {
        const answer = isAllowed;
        if (answer) await wait('authorize has allowed');
        return answer;
      });
      const { port, server } = await startServer({ ...rules, log });
      const bob = await RawClient.connect(port, { token: 'bob' });
      bob.subscribe(1, 't');
      await reached.promise;
      isAllowed = false;
      await server.session(bob.welcome.session)?.reauthorize();
      expect(await bob.next('failed')).toMatchObject({
        operation: 'subscribe',
        id: 1,
        code: 'not-authorized',
      });
      opened.resolve();
      await server.publish('t', 'not for bob');
      await bob.settled();
      expect(bob.data).toEqual([]);
      await vi.waitFor(() => expect(server.stats().topics).toBe(0));
    });
  }

  it('[AUTH-4] reauthorize ends, too, while a replay goes on, and asks once for each subscription', async () => {
    let asked = 0;
    const options = rulesFor(async () => {
      asked++;
      await turns(5);
      return true;
    });
    const log = memoryLog();
    const read = log.read.bind(log);
    log.read = async (...args) => {
      await turns(1);
      return read(...args);
    };
    const { port, server } = await startServer({ ...options, log, limits: { pageMessagesMax: 1 } });
    for (let i = 0; i < 200; i++) await server.publish('t', i);
    const bob = await RawClient.connect(port, { token: 'bob' });
    await bob.subscribed(1, 't', 'start');
    await server.session(bob.welcome.session)?.reauthorize();
    expect(asked).toBe(2);
    expect(await bob.dataOf(200)).toHaveLength(200);
  });
});

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
