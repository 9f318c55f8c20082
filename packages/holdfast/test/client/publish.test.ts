import { describe, expect, it } from 'vitest';
import { Bed } from './bed.ts';
import { Wire } from './wire.ts';

describe('publish()', () => {
  it('[PUB-1] resolves with the position at which subscribers get it', async () => {
    const bed = await Bed.live();
    const seen: unknown[] = [];
    const subscription = bed.client.subscribe('news', (data, { position }) => seen.push([data, position]));
    await bed.wait(subscription.ready);
    const position = await bed.wait(bed.client.publish('news', { n: 1 }));
    await bed.until(() => seen.length === 1);
    expect(seen).toEqual([[{ n: 1 }, position]]);
  });

  it('[PUB-2] is retried over any number of cuts, and applied once, in order', async () => {
    const bed = await Bed.live();
    const seen: number[] = [];
    const subscription = bed.client.subscribe('news', (n: number) => seen.push(n));
    await bed.wait(subscription.ready);
    const all = Array.from({ length: 60 }, (_, index) => bed.client.publish('news', index));
    for (let cut = 0; cut < 8; cut++) {
      await bed.pass(cut % 2 === 0 ? 1 : 2);
      bed.line.cut();
      await bed.until(() => bed.lines > 0);
    }
    await bed.wait(Promise.all(all));
    await bed.until(() => seen.length === 60);
    expect(seen).toEqual(Array.from({ length: 60 }, (_, index) => index));
  });

  it('[PUB-4] rejects with "outbox-full" beyond the count, and has room again with each answer', async () => {
    const bed = new Bed({ outbox: { countMax: 3 } });
    const waiting = [1, 2, 3].map((n) => bed.client.publish('news', n));
    const beyond = [bed.codeOf(bed.client.publish('news', 4)), bed.codeOf(bed.client.request('sum', 4))];
    expect(await Promise.all(beyond)).toEqual(['outbox-full', 'outbox-full']);
    await bed.wait(Promise.all(waiting));
    expect(await bed.codeOf(bed.client.publish('news', 5))).toMatch(/^resolved/);
  });

  it('[PUB-4] rejects with "outbox-full" beyond the bytes', async () => {
    const bed = new Bed({ outbox: { bytesMax: 100 } });
    const first = bed.client.publish('news', 'x'.repeat(60));
    expect(await bed.codeOf(bed.client.publish('news', 'x'.repeat(60)))).toBe('outbox-full');
    expect(await bed.codeOf(bed.client.publish('news', 'x'.repeat(20)))).toMatch(/^resolved/);
    await bed.wait(first);
  });

  it('[HELLO-4] of what is too big rejects, also when it was sent before the limit was known', async () => {
    const wire = new Wire();
    const codes: string[] = [];
    const note = (promise: Promise<unknown>): void =>
      void promise.then(
        () => codes.push('taken'),
        (error: { code: string }) => codes.push(error.code),
      );
    note(wire.client.publish('news', 'x'.repeat(20_000)));
    note(wire.client.publish('news', 'small'));
    await wire.turn();
    wire.socket.open();
    await wire.turn();
    wire.socket.hangUp(1009);
    await wire.clock.advance(1);
    await wire.welcome({ messageBytesMax: 10_000 });
    // The small one may have been taken by a session that nobody knows any more.
    expect(codes.splice(0).toSorted()).toEqual(['outcome-unknown', 'too-big']);
    note(wire.client.publish('news', 'x'.repeat(20_000)));
    note(wire.client.publish('news', 'small'));
    await wire.turn();
    wire.socket.say({ type: 'published', sequence: 3, epoch: 1, offset: 1 });
    await wire.turn();
    expect(codes).toEqual(['too-big', 'taken']);
    expect(wire.client.status.phase).toBe('live');
  });

  for (const [code, topic] of [
    ['reserved-topic', '$inbox'],
    ['invalid-name', 'with\nnewline'],
    ['invalid-name', ''],
    ['invalid-name', 'n'.repeat(257)],
    ['invalid-name', '💧'.repeat(65)],
  ] as const) {
    it(`[ERR-1] to ${JSON.stringify(topic.slice(0, 16))} (${topic.length}) rejects with "${code}", and harms nothing`, async () => {
      const bed = await Bed.live();
      const refused = bed.client.publish(topic, 1);
      const taken = bed.client.publish('news', 1);
      expect(await bed.codeOf(refused)).toBe(code);
      expect(await bed.codeOf(taken)).toMatch(/^resolved/);
      expect(bed.client.status).toMatchObject({ phase: 'live', attempt: 0 });
      expect(bed.server.stats().closes).toEqual({});
    });
  }

  it('[ERR-1] to a name of 256 bytes works', async () => {
    const bed = await Bed.live();
    expect(await bed.codeOf(bed.client.publish('n'.repeat(256), 1))).toMatch(/^resolved/);
  });

  it('[ERR-1] of what the codec can’t encode rejects with invalid-payload, and says why', async () => {
    const bed = await Bed.live();
    const circular: { self?: unknown } = {};
    circular.self = circular;
    const { client } = bed;
    for (const [data, why] of [
      [circular, /circular/],
      [7n, /BigInt/],
    ] as const) {
      const message = expect.stringMatching(why);
      const wrong = { name: 'HoldfastError', code: 'invalid-payload', message };
      await expect(client.publish('news', data)).rejects.toMatchObject(wrong);
      await expect(client.request('sum', data)).rejects.toMatchObject(wrong);
      expect(() => client.signal('news', data)).toThrow(why);
    }
    expect(client.status).toMatchObject({ queued: 0, unacknowledged: 0 });
  });

  it.each([
    ['text', JSON.stringify],
    ['an ArrayBuffer', () => new ArrayBuffer(8)],
    ['a promise of bytes', async () => new Uint8Array(8)],
    ['nothing', () => undefined],
  ])('[ERR-1] with a codec that gives %s instead of bytes sends nothing, and says so', async (_, encode) => {
    const codec = { encode: encode as never, decode: () => 0 };
    const bed = await Bed.live({ codec });
    const wrong = { code: 'invalid-payload', message: expect.stringContaining('Uint8Array') };
    await expect(bed.client.publish('news', 1)).rejects.toMatchObject(wrong);
    await bed.pass(1_000);
    expect(await bed.wait(bed.server.topic('news').top())).toMatchObject({ offset: 0 });
  });

  it('[RES-4] rejects with "outcome-unknown" when the session was lost with it under way', async () => {
    const wire = await Wire.live();
    const outcome = wire.client.publish('news', 1).catch((error: { code: string }) => error.code);
    await wire.turn();
    wire.socket.hangUp();
    await wire.clock.advance(1);
    await wire.welcome({ resumed: false, node: 'node-2' });
    expect(wire.socket.records[0]).toMatchObject({ type: 'hello', sequenceSent: 1 });
    wire.socket.say({
      type: 'failed',
      operation: 'publish',
      id: 1,
      code: 'outcome-unknown',
      text: 'Who knows.',
    });
    expect(await outcome).toBe('outcome-unknown');
  });
});

describe('names on the wire', () => {
  const long = 'n'.repeat(257);

  it('[ERR-1] a method’s that is too long rejects with "invalid-name"', async () => {
    const bed = await Bed.live();
    expect(await bed.codeOf(bed.client.request(long, 1))).toBe('invalid-name');
    expect(bed.server.stats().closes).toEqual({});
  });

  it('[ERR-1] a start that is none is told at once by subscribe()', async () => {
    const bed = await Bed.live();
    for (const from of [{ last: -1 }, { last: 1.5 }, { epoch: 1, offset: Number.NaN }, 'yesterday']) {
      expect(() => bed.client.subscribe('news', () => {}, { from: from as 'now' })).toThrow(
        expect.objectContaining({ code: 'invalid-option' }),
      );
    }
    expect(() => bed.client.subscribe('news', undefined as never)).toThrow(
      expect.objectContaining({ code: 'invalid-option' }),
    );
  });

  it('[ERR-1] a signal that is too big is told at once, and ends no connection', async () => {
    const wire = await Wire.live({}, { messageBytesMax: 2_000 });
    expect(() => wire.client.signal('news', 'x'.repeat(2_000))).toThrow(
      expect.objectContaining({ code: 'too-big' }),
    );
  });

  it('[ERR-1] one that is no text is told at once', async () => {
    const bed = await Bed.live();
    expect(await bed.codeOf(bed.client.publish(undefined as unknown as string, 1))).toBe('invalid-name');
    expect(bed.client.status).toMatchObject({ queued: 0, unacknowledged: 0 });
  });

  it('[ERR-1] a topic’s that is too long is told at once by subscribe() and signal()', async () => {
    const bed = await Bed.live();
    expect(() => bed.client.subscribe(long, () => {})).toThrow(
      expect.objectContaining({ code: 'invalid-name' }),
    );
    expect(() => bed.client.signal(long, 1)).toThrow(expect.objectContaining({ code: 'invalid-name' }));
    await bed.pass(1_000);
    expect(bed.server.stats().closes).toEqual({});
  });
});
