import { describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import { memoryStorage } from './bed.ts';
import { Lives } from './lives.ts';

/** Two tabs, the second a browser's copy of the first. */
describe('two clients that grew from one copy of a storage', () => {
  async function copied(): Promise<{ bed: Lives; storage: ReturnType<typeof memoryStorage> }> {
    const bed = new Lives();
    for (const n of [1, 2, 3]) await bed.wait(bed.client.publish('news', `first ${n}`));
    return { bed, storage: memoryStorage(new Map(bed.storage.items)) };
  }

  async function superseded(): Promise<{ bed: Lives; copy: Client }> {
    const { bed, storage } = await copied();
    const copy = bed.next({ storage });
    await bed.until(() => bed.client.status.phase === 'failed');
    return { bed, copy };
  }

  async function newsOf(bed: Lives): Promise<unknown[]> {
    const { messages } = await bed.wait(bed.server.topic('news').read({ limit: 1_000 }));
    return messages.map(({ data }) => data).slice(3);
  }

  it('[RES-7] the one that is superseded goes on in a session of its own', async () => {
    const { bed, copy } = await superseded();
    expect(bed.client.status).toMatchObject({ cause: { code: 'superseded' }, queued: 0, unacknowledged: 0 });
    await bed.wait(copy.publish('news', 'copy 1'));
    bed.client.reconnect();
    await bed.until(() => bed.client.status.phase === 'live');
    const published = [bed.client.publish('news', 'first 4'), copy.publish('news', 'copy 2')];
    for (const position of published) await bed.wait(position);
    expect((await newsOf(bed)).toSorted()).toEqual(['copy 1', 'copy 2', 'first 4']);
    expect([bed.client.status.phase, copy.status.phase]).toEqual(['live', 'live']);
  });

  it('[RES-7] its next life, too, though the other is gone', async () => {
    const { bed, copy } = await superseded();
    for (const n of [1, 2, 3]) await bed.wait(copy.publish('news', `copy ${n}`));
    await bed.wait(copy.close());
    await bed.wait(bed.client.close());
    const next = bed.next();
    for (const n of [4, 5]) await bed.wait(next.publish('news', `first ${n}`));
    expect(await newsOf(bed)).toEqual(['copy 1', 'copy 2', 'copy 3', 'first 4', 'first 5']);
  });

  it('[RES-7] what it could not send is the other’s to send, once', async () => {
    const bed = new Lives();
    await bed.until(() => bed.client.status.phase === 'live');
    bed.line.blackHole();
    bed.client.publish('news', 'said in both').catch(() => {});
    await bed.pass(10);
    const storage = memoryStorage(new Map(bed.storage.items));
    bed.die();
    const lives = [bed.next({ storage }), bed.next()];
    await bed.until(() => lives.some(({ status }) => status.phase === 'failed'));
    for (const life of lives) life.reconnect();
    await bed.until(() => lives.every(({ status }) => status.phase === 'live'));
    await bed.pass(5_000);
    const { messages } = await bed.wait(bed.server.topic('news').read());
    expect(messages.map(({ data }) => data)).toEqual(['said in both']);
  });

  it('[PUB-2] no publish of one passes for one of the other’s', async () => {
    const { bed, storage } = await copied();
    // The first dies before it hears that it was superseded.
    bed.die();
    const copy = bed.next({ storage });
    for (const n of [1, 2, 3]) await bed.wait(copy.publish('news', `copy ${n}`));
    await bed.wait(copy.close());
    const next = bed.next();
    const said = await bed.codeOf(next.publish('news', 'first 4'));
    const news = await newsOf(bed);
    if (said.startsWith('resolved')) expect(news).toContain('first 4');
    else expect(said).toBe('sequence-stale');
  });
});
