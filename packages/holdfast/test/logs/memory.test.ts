import { describe, expect, it } from 'vitest';
import { memoryLog } from '../../src/server/logs/memory.ts';
import { describeLog } from '../../src/testing/contracts/log-contract.ts';
import { LogSubject, numbered } from '../../src/testing/contracts/log-subject.ts';

describeLog('memory', () => memoryLog(), {
  describe,
  it: (title, body) => it(title, body, 30_000),
});

describe('the memory log beyond the port', () => {
  it('[RES-2] each one has an epoch and a key of its own', async () => {
    const [a, b] = await Promise.all([memoryLog(), memoryLog()].map((log) => LogSubject.open(log, {})));
    expect((await a!.log.top('t')).epoch).not.toBe((await b!.log.top('t')).epoch);
    expect(await a!.log.key()).not.toEqual(await b!.log.key());
  });

  it.each([
    [{ totalBytesMax: '512 MiB' }, 'memoryLog: "totalBytesMax" is "512 MiB"; it must be a number from 0'],
    [{ totalBytesMax: NaN }, 'memoryLog: "totalBytesMax" is NaN'],
    [{ totalBytesMax: -1 }, 'memoryLog: "totalBytesMax" is -1'],
    [{ dedupBytesMax: NaN }, 'memoryLog: "dedupBytesMax" is NaN'],
    [
      { bytesMax: 1_000 },
      'memoryLog: "options.bytesMax" does not exist; there are: totalBytesMax, dedupBytesMax',
    ],
    [null, 'memoryLog: "options" is null'],
  ])('[ERR-1] refuses %j, which would bound nothing', (options, text) => {
    expect(() => memoryLog(options as never)).toThrow(text);
  });

  it('[SUB-4] beyond `totalBytesMax` the topics that were silent longest lose their oldest first', async () => {
    const subject = await LogSubject.open(memoryLog({ totalBytesMax: 100 }), {});
    const texts = (prefix: string): string[] => [1, 2, 3].map((n) => `${prefix}${n}`.padEnd(15));
    await subject.addAll('silent', texts('s'));
    await subject.addAll('talking', texts('t'));
    await subject.add('talking', 'x'.repeat(30));
    expect(await subject.kept('silent')).toEqual(texts('s').slice(2));
    expect(await subject.kept('talking')).toHaveLength(4);
    // A topic that speaks again is spared before those that do not.
    await subject.add('silent', 'x'.repeat(30));
    expect(await subject.kept('silent')).toHaveLength(2);
    expect(await subject.kept('talking')).toHaveLength(2);
  });

  it('[SUB-4] beyond `totalBytesMax` an append costs the same, however many topics have lost all', async () => {
    const subject = await LogSubject.open(memoryLog({ totalBytesMax: 1_000_000 }), {});
    // Were each of them looked at with each append, this would take a minute, and not a second.
    for (let n = 0; n < 150_000; n++) await subject.add(`t${n}`, 'x'.repeat(100));
    expect(await subject.kept('t149999')).toHaveLength(1);
    expect(await subject.kept('t100000')).toHaveLength(0);
  }, 20_000);

  it('[SUB-4] one payload beyond `totalBytesMax` leaves nothing kept, and a gap', async () => {
    const subject = await LogSubject.open(memoryLog({ totalBytesMax: 100 }), {});
    const start = await subject.log.top('t');
    const { position } = await subject.add('t', 'x'.repeat(101));
    expect(await subject.read('t', start)).toMatchObject({
      gap: { to: position, reason: 'retention' },
      entries: [],
    });
  });

  it('[SUB-5] a topic whose top is no longer known goes on above every top that was', async () => {
    const subject = await LogSubject.open(memoryLog(), { retention: { ageMaxMs: 1_000 } });
    await subject.addAll('t', numbered(5));
    // More empty topics than are remembered, forgotten after this one.
    for (let batch = 0; batch < 6; batch++) {
      subject.nowMs += 2_000;
      await subject.log.trim();
      for (let i = 0; i < 10_000; i++) (await subject.log.follow(`${batch}/${i}`, () => {}))();
    }
    await subject.log.trim();
    const { position } = await subject.add('t', 'again');
    expect(position.offset).toBeGreaterThan(5);
    expect((await subject.log.top('never seen')).offset).toBe(5);
  });

  it('[PUB-3] a session’s sequences are forgotten a while after its last publish', async () => {
    const subject = await LogSubject.open(memoryLog(), { dedupTtlMs: 1_000 });
    await subject.add('t', 'one', 'session', 1);
    subject.nowMs += 1_001;
    await subject.log.trim();
    await subject.add('t', 'one', 'session', 1);
    expect(await subject.kept('t')).toEqual(['one', 'one']);
  });

  it('[PUB-3] beyond `dedupBytesMax` the sessions that published longest ago are forgotten', async () => {
    // Each publish of a new session counts as 520 bytes, each further one as 20.
    const subject = await LogSubject.open(memoryLog({ dedupBytesMax: 100_000 }), {});
    const publish = (session: string, sequence: number) => subject.append('t', 'x', session, sequence);
    await publish('often', 1);
    await publish('once', 1);
    for (let n = 0; n < 1_000; n++) {
      await publish(`other ${n}`, 1);
      await publish('often', n + 2);
    }
    expect(await publish('often', 1_000)).toMatchObject({ status: 'duplicate' });
    expect(await publish('often', 1)).toMatchObject({ status: 'stale' });
    expect(await publish('other 999', 1)).toMatchObject({ status: 'duplicate' });
    expect(await publish('once', 1)).toMatchObject({ status: 'appended' });
  });

  it('[HUB-2] says each message to a follower once', async () => {
    const subject = await LogSubject.open(memoryLog(), {});
    const offsets: number[] = [];
    await subject.log.follow('t', ({ offset }) => void offsets.push(offset));
    await subject.addAll('t', numbered(10));
    expect(offsets).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('[FLOW-2] thousands of trimmed messages do not shift what is read', async () => {
    const subject = await LogSubject.open(memoryLog(), { retention: { countMax: 100 } });
    const positions = await subject.addAll('t', numbered(5_000));
    expect(await subject.kept('t')).toEqual(numbered(100, 4_901));
    const page = await subject.read('t', positions[4_989]!);
    expect(page.entries.map(({ offset }) => offset)).toEqual(
      positions.slice(4_990).map(({ offset }) => offset),
    );
  });

  it('[WIRE-4] what was read stays as it is when its memory would be written to again', async () => {
    const retention = { countMax: 80, bytesMax: 4_000_000 };
    const subject = await LogSubject.open(memoryLog(), { retention });
    const filled = (n: number) => String(n % 7).repeat(40_000);
    const given: { n: number; payload: Uint8Array }[] = [];
    // Chunks are emptied and filled again several times over, and some are read from in between.
    for (let n = 0; n < 500; n++) {
      await subject.add('t', filled(n));
      if (n % 20 > 0) continue;
      const { entries } = await subject.read('t', await subject.log.before('t', 1));
      given.push({ n, payload: entries[0]!.payload });
    }
    for (const { n, payload } of given)
      expect(Buffer.from(payload).toString() === filled(n), `${n}`).toBe(true);
  });

  it('[WIRE-4] topics that share memory keep their own, whatever is trimmed', async () => {
    const subject = await LogSubject.open(memoryLog(), { retention: { countMax: 30 } });
    const textOf = (topic: number, n: number) => `${topic}/${n}`.padEnd(1 + ((n * 7_919) % 60_000), '.');
    for (let n = 0; n < 90; n++) for (const topic of [1, 2]) await subject.add(`t${topic}`, textOf(topic, n));
    for (const topic of [1, 2]) {
      const kept = Array.from({ length: 30 }, (_, i) => textOf(topic, 60 + i));
      expect(await subject.kept(`t${topic}`)).toEqual(kept);
    }
  });
});
