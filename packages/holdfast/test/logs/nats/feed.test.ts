import { expect, it } from 'vitest';
import type { Connection } from '../../../src/server/logs/nats/connection.ts';
import { Feed } from '../../../src/server/logs/nats/feed.ts';
import type { KeptStream } from '../../../src/server/logs/nats/stream.ts';
import { Subjects } from '../../../src/server/logs/nats/subjects.ts';

it('[HUB-6] a follow that NATS did not answer leaves nobody listening', async () => {
  const listening = new Set<string>();
  const connection = {
    persist: () => Promise.reject(new Error('no answer')),
    nats: {
      subscribe(subject: string) {
        listening.add(subject);
        return { unsubscribe: () => listening.delete(subject) };
      },
    },
  };
  const feed = new Feed(connection as unknown as Connection, new Subjects('p'), {} as KeptStream);
  const followed = feed.follow('news', () => {});
  expect([...listening]).toEqual(['p.live.news']);
  await expect(followed).rejects.toThrow('no answer');
  expect(feed.followed()).toEqual([]);
  expect(listening.size).toBe(0);
});
