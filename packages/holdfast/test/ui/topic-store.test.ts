import { describe, expect, it } from 'vitest';
import { TopicStore, type TopicSource, type TopicState } from '../../src/ui/topic-store.ts';
import { Bed, memoryStorage } from '../client/bed.ts';

const sourceOf = (bed: Bed): TopicSource<number> => bed.client as unknown as TopicSource<number>;
const numbers = ({ messages }: TopicState<number>): number[] => messages.map(({ data }) => data);

describe('a topic, as hooks read it', () => {
  it('begins empty, is ready, and shows what comes', async () => {
    const bed = await Bed.live();
    const store = new TopicStore(sourceOf(bed), 'n', { from: 'start' });
    expect(store.get()).toMatchObject({ phase: 'starting', messages: [] });
    store.subscribe(() => {});
    await bed.until(() => store.get().phase === 'ready');
    for (const n of [1, 2, 3]) await bed.server.publish('n', n);
    await bed.until(() => numbers(store.get()).length === 3);
    expect(numbers(store.get())).toEqual([1, 2, 3]);
    expect(store.get().messages[0]!.position.offset).toBe(1);
  });

  it('keeps the newest, and is the same object until something changes', async () => {
    const bed = await Bed.live();
    const store = new TopicStore(sourceOf(bed), 'n', { from: 'start', keep: 2 });
    store.subscribe(() => {});
    for (const n of [1, 2, 3]) await bed.server.publish('n', n);
    await bed.until(() => numbers(store.get()).at(-1) === 3);
    expect(numbers(store.get())).toEqual([2, 3]);
    const state = store.get();
    await bed.pass(60_000);
    expect(store.get()).toBe(state);
  });

  it('keeps none where none is to be kept', async () => {
    const bed = await Bed.live();
    const store = new TopicStore(sourceOf(bed), 'n', { from: 'start', keep: 0 });
    let told = 0;
    store.subscribe(() => told++);
    await bed.until(() => store.get().phase === 'ready');
    for (const n of [1, 2, 3]) await bed.server.publish('n', n);
    await bed.until(() => told > 1);
    expect(numbers(store.get())).toEqual([]);
  });

  it('continues after the last message when it is let go and taken up again', async () => {
    const bed = await Bed.live();
    const store = new TopicStore(sourceOf(bed), 'n', { from: { last: 1 } });
    await bed.server.publish('n', 1);
    const stop = store.subscribe(() => {});
    await bed.until(() => numbers(store.get()).length === 1);
    stop();
    for (const n of [2, 3]) await bed.server.publish('n', n);
    await bed.pass(1_000);
    expect(numbers(store.get())).toEqual([1]);
    store.subscribe(() => {});
    await bed.until(() => numbers(store.get()).length >= 3);
    await bed.pass(1_000);
    expect(numbers(store.get())).toEqual([1, 2, 3]);
  });

  it('[SUB-9] begins at its start in each life and at each place, unless it has a name', async () => {
    const storage = memoryStorage();
    const bed = await Bed.live({ storage });
    for (const n of [1, 2, 3]) await bed.server.publish('n', n);
    const shown: number[][] = [];
    for (const name of [undefined, undefined, 'mine', 'mine']) {
      const store = new TopicStore(sourceOf(bed), 'n', { from: { last: 2 }, ...(name && { name }) });
      const stop = store.subscribe(() => {});
      await bed.until(() => store.get().phase === 'ready');
      await bed.pass(1_000);
      shown.push(numbers(store.get()));
      stop();
    }
    expect(shown).toEqual([[2, 3], [2, 3], [2, 3], []]);
  });

  it('tells once of a run, however long', async () => {
    const bed = await Bed.live();
    await Promise.all(Array.from({ length: 50 }, (_, n) => bed.server.publish('n', n)));
    const store = new TopicStore(sourceOf(bed), 'n', { from: 'start' });
    const lengths: number[] = [];
    store.subscribe(() => lengths.push(numbers(store.get()).length));
    await bed.until(() => numbers(store.get()).length === 50);
    expect(lengths.filter((length) => length > 0)).toEqual([50]);
  });

  it('shows gaps', async () => {
    const bed = await Bed.live({}, { topics: { n: { retention: { countMax: 2 } } } });
    for (const n of [1, 2, 3, 4]) await bed.server.publish('n', n);
    const store = new TopicStore(sourceOf(bed), 'n', {
      from: { epoch: (await bed.server.publish('n', 5)).epoch, offset: 1 },
    });
    store.subscribe(() => {});
    await bed.until(() => store.get().gap !== undefined);
    expect(store.get().gap).toMatchObject({ reason: 'retention' });
  });

  it('is ready when a client that had given up was asked to go on', async () => {
    let isSignedIn = false;
    const bed = new Bed({ token: 'mine' }, { authenticate: () => (isSignedIn ? { id: 'me' } : undefined) });
    const store = new TopicStore(sourceOf(bed), 'n', {});
    store.subscribe(() => {});
    for (let time = 0; time < 2; time++) {
      await bed.until(() => bed.client.status.phase === 'failed');
      await bed.pass(1);
      expect(store.get()).toMatchObject({ phase: 'failed', error: { code: 'unauthorized' } });
      isSignedIn = time === 1;
      bed.client.reconnect();
    }
    await bed.until(() => bed.client.status.phase === 'live');
    await bed.pass(1_000);
    expect(store.get()).toMatchObject({ phase: 'ready', error: undefined });
  });

  it('shows a refusal, and a client that was closed', async () => {
    const bed = await Bed.live({}, { authorize: () => false });
    const store = new TopicStore(sourceOf(bed), 'n', {});
    store.subscribe(() => {});
    await bed.until(() => store.get().phase === 'failed');
    expect(store.get().error).toMatchObject({ code: 'not-authorized' });
    await bed.wait(bed.client.close());
    const late = new TopicStore(sourceOf(bed), 'n', {});
    late.subscribe(() => {});
    expect(late.get()).toMatchObject({ phase: 'failed', error: { code: 'closed' } });
  });
});
