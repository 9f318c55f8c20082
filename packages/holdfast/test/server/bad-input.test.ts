import { describe, expect, it } from 'vitest';
import type { ServerOptions } from '../../src/server/create-server.ts';
import { schema, type RecordType, type WireRecord } from '../../src/protocol/schema.ts';
import { encode } from '../../src/protocol/codec.ts';
import { eventOf, aSentence, Honest, startServer } from './fixture.ts';
import { helloRecord, RawClient } from './raw-client.ts';

/** Each test has a server, somebody honest on it before and after, and a client that misbehaves. */
function badInput(
  title: string,
  body: (port: number, hostile: RawClient, server: Awaited<ReturnType<typeof startServer>>) => Promise<void>,
  options: ServerOptions = {},
): void {
  it(title, async () => {
    const started = await startServer(options);
    const honest = await Honest.join(started.port);
    await honest.works();
    await body(started.port, await RawClient.dial(started.port), started);
    await honest.works();
  });
}

const publish: WireRecord = { type: 'publish', sequence: 1, topic: 't', payload: new Uint8Array(0) };

describe('messages that are no records', () => {
  const messages: Record<string, Uint8Array | string> = {
    'an unknown record': Uint8Array.of(127, 1, 2, 3),
    'a record that is cut short': encode([publish]).subarray(0, 3),
    'a record with a lying length': Uint8Array.of(schema.publish[0], 1, 1, 0x74, 100, 1, 2),
    'a topic of 257 bytes': encode([{ ...publish, topic: 'x'.repeat(257) } as WireRecord]),
    'a number that is not in its shortest form': Uint8Array.of(schema.unsubscribe[0], 0x81, 0x00),
    'an empty message': new Uint8Array(0),
    'a text message': 'hello',
    'random bytes': Uint8Array.from({ length: 500 }, (_, index) => (index * 151) ^ 0x5a),
  };
  for (const [what, message] of Object.entries(messages)) {
    badInput(
      `[WIRE-2] ${what} closes its connection with protocol-error, before a hello`,
      async (_, hostile) => {
        hostile.webSocket.send(message);
        expect(await hostile.end()).toEqual({ code: 4000, reason: aSentence });
      },
    );

    badInput(
      `[WIRE-2] ${what} closes its connection with protocol-error, after the welcome`,
      async (_, hostile) => {
        hostile.hello();
        await hostile.next('welcome');
        hostile.webSocket.send(message);
        expect(await hostile.end()).toEqual({ code: 4000, reason: aSentence });
      },
    );
  }

  badInput('[WIRE-2] nothing of a message whose end is garbage is carried out', async (port, hostile) => {
    hostile.hello();
    await hostile.next('welcome');
    hostile.sendBytes(Buffer.concat([encode([publish]), Uint8Array.of(127)]));
    expect((await hostile.end()).code).toBe(4000);
    const reader = await RawClient.connect(port);
    await reader.subscribed(1, 't', 'start');
    await reader.settled();
    expect(reader.data).toEqual([]);
  });

  const ofServers = (Object.keys(schema) as RecordType[]).filter((type) => schema[type][0] >= 16);
  for (const type of [...ofServers, 'hello'] as const) {
    badInput(
      `[WIRE-2] a client that sends "${type}" after its hello is closed with protocol-error`,
      async (_, hostile) => {
        hostile.hello();
        await hostile.next('welcome');
        hostile.send(blank(type));
        expect(await hostile.end()).toEqual({
          code: 4000,
          reason: expect.stringContaining(type === 'hello' ? type : 'not-a-clients-record'),
        });
      },
    );
  }

  badInput(
    '[WIRE-2] a message beyond messageBytesMax is closed with 1009, and told as too-big',
    async (_, hostile, { server }) => {
      hostile.hello();
      await hostile.next('welcome');
      const disconnected = eventOf(server, 'disconnect');
      hostile.sendBytes(new Uint8Array(100_001));
      expect((await hostile.end()).code).toBe(1009);
      expect(await disconnected).toMatchObject({ reason: 'too-big', text: aSentence });
      expect(server.stats().closes).toEqual({ 'too-big': 1 });
    },
    { limits: { messageBytesMax: 100_000 } },
  );
});

describe('upgrades that are refused', () => {
  for (const protocols of [[], ['holdfast.v0'], ['graphql-ws', 'mqtt']]) {
    badInput(
      `[WIRE-1] subprotocols ${JSON.stringify(protocols)} are answered with HTTP 400`,
      async (port) => {
        await expect(RawClient.dial(port, { protocols })).rejects.toThrow('400');
      },
    );
  }
});

describe('the hello', () => {
  badInput('[HELLO-1] a record before it is a protocol-error that says so', async (_, hostile) => {
    hostile.send(publish, helloRecord());
    expect(await hostile.end()).toEqual({ code: 4000, reason: expect.stringContaining('hello') });
  });

  badInput(
    '[HELLO-1] a connection that never says it is closed with hello-timeout',
    async (_, hostile) => {
      expect(await hostile.end()).toEqual({ code: 4008, reason: expect.stringContaining('50 ms') });
    },
    { limits: { helloTimeoutMs: 50 } },
  );

  badInput('[HELLO-2] what follows it in the same message is carried out in order', async (_, hostile) => {
    hostile.send(
      helloRecord(),
      { type: 'subscribe', subscription: 1, topic: 't', from: 'start', epoch: 0, offset: 0 },
      publish,
      { ...publish, sequence: 2 } as WireRecord,
    );
    expect((await hostile.next('published')).sequence).toBe(1);
    expect((await hostile.next('published')).sequence).toBe(2);
    await hostile.dataOf(2);
    expect(hostile.records[0]?.type).toBe('welcome');
  });
});

describe('more than a client may ask for', () => {
  badInput(
    '[FLOW-4] publishes beyond the window fail one by one, the others are taken',
    async (_, hostile) => {
      hostile.hello();
      const { window } = await hostile.next('welcome');
      expect(window).toBe(16);
      hostile.send(
        ...Array.from({ length: 18 }, (_, index) => ({ ...publish, sequence: index + 1 }) as WireRecord),
      );
      for (const id of [17, 18]) {
        const failed = { type: 'failed', operation: 'publish', id, code: 'window-exceeded', text: aSentence };
        expect(await hostile.next('failed')).toEqual(failed);
      }
      for (let sequence = 1; sequence <= 16; sequence++) {
        expect((await hostile.next('published')).sequence).toBe(sequence);
      }
      expect((await hostile.published(19, 't', 1)).sequence).toBe(19);
    },
    { limits: { windowMax: 16 } },
  );

  badInput(
    '[FLOW-4] so do requests, which have a window of their own',
    async (_, hostile, { server }) => {
      server.method('never', () => new Promise(() => {}));
      hostile.hello();
      await hostile.next('welcome');
      for (let request = 1; request <= 17; request++) hostile.request(request, 'never', null);
      expect(await hostile.next('failed')).toMatchObject({
        operation: 'request',
        id: 17,
        code: 'window-exceeded',
      });
      expect((await hostile.published(1, 't', 1)).sequence).toBe(1);
    },
    { limits: { windowMax: 16 } },
  );

  badInput(
    '[ERR-1] subscriptions beyond the limit fail with too-many-subscriptions until others end',
    async (_, hostile) => {
      hostile.hello();
      for (const subscription of [1, 2, 3]) await hostile.subscribed(subscription, `t${subscription}`);
      hostile.subscribe(4, 't4');
      const failed = { type: 'failed', operation: 'subscribe', id: 4, code: 'too-many-subscriptions' };
      expect(await hostile.next('failed')).toEqual({
        ...failed,
        text: expect.stringContaining('subscriptionsMax'),
      });
      hostile.send({ type: 'unsubscribe', subscription: 2 });
      expect((await hostile.subscribed(4, 't4')).subscription).toBe(4);
    },
    { limits: { subscriptionsMax: 3 } },
  );

  badInput(
    '[ERR-1] a number of a subscription that is in use fails with already-subscribed',
    async (_, hostile) => {
      hostile.hello();
      await hostile.subscribed(1, 't');
      hostile.subscribe(1, 'other');
      expect(await hostile.next('failed')).toMatchObject({
        id: 1,
        code: 'already-subscribed',
        text: aSentence,
      });
      await hostile.published(1, 't', 'still there');
      expect(await hostile.dataOf(1)).toEqual(['still there']);
    },
  );

  badInput('[ERR-1] ending a subscription that never was does nothing', async (_, hostile) => {
    hostile.hello();
    hostile.send({ type: 'unsubscribe', subscription: 99 });
    await hostile.settled();
    expect(hostile.records.map(({ type }) => type)).toEqual(['welcome', 'pong']);
  });

  badInput('[ERR-1] a method that does not exist fails with unknown-method', async (_, hostile) => {
    hostile.hello();
    hostile.request(1, 'no such', null);
    const failed = { type: 'failed', operation: 'request', id: 1, code: 'unknown-method' };
    expect(await hostile.next('failed')).toEqual({
      ...failed,
      text: expect.stringContaining('server.method()'),
    });
  });
});

describe('names', () => {
  const reserved = ['$inbox', '$user', '$inbox:abc', '$user:admin', '$', '$anything'];
  badInput('[AUTH-5] nobody publishes to a name that begins with $', async (_, hostile) => {
    hostile.hello();
    for (const [index, topic] of reserved.entries()) {
      hostile.publish(index + 1, topic, 1);
      const failed = { operation: 'publish', id: index + 1, code: 'reserved-topic', text: aSentence };
      expect(await hostile.next('failed'), topic).toMatchObject(failed);
    }
  });

  badInput('[AUTH-5] nobody reads another’s', async (_, hostile) => {
    hostile.hello();
    for (const [index, topic] of reserved.slice(2).entries()) {
      hostile.subscribe(index, topic);
      const failed = { operation: 'subscribe', id: index, code: 'reserved-topic', text: aSentence };
      expect(await hostile.next('failed'), topic).toMatchObject(failed);
    }
  });

  const invalid = ['', 'a\u0000b', 'line\nbreak', '\u007f', 'e\u0301'];
  badInput(
    '[AUTH-5] names with control characters, empty or not composed are invalid',
    async (_, hostile) => {
      hostile.hello();
      for (const [index, topic] of invalid.entries()) {
        hostile.publish(index + 1, topic, 1);
        hostile.subscribe(index + 1, topic);
        for (const operation of ['publish', 'subscribe']) {
          const failed = { operation, id: index + 1, code: 'invalid-name', text: aSentence };
          expect(await hostile.next('failed'), JSON.stringify(topic)).toMatchObject(failed);
        }
      }
      hostile.subscribe(10, '\u00e9');
      expect((await hostile.next('subscribed')).subscription).toBe(10);
    },
  );
});

/** A record with nothing in it. */
function blank(type: RecordType): WireRecord {
  const nothing = { uint: 0, flag: false, text: '', bytes: new Uint8Array(0), entries: [], tops: [] };
  const fields = Object.entries(schema[type][1] as Record<string, { kind: string; of?: string[] }>);
  const values = fields.map(([name, { kind, of }]) => [
    name,
    of?.[0] ?? nothing[kind as keyof typeof nothing],
  ]);
  return { type, ...Object.fromEntries(values) } as WireRecord;
}
