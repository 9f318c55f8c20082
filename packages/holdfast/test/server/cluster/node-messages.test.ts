import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeNodeMessage,
  encodeNodeMessage,
  NODE_MESSAGE_BYTES_MAX,
  type NodeMessage,
} from '../../../src/server/cluster/node-messages.ts';
import type { ServerStats } from '../../../src/server/create-server.ts';

const from = 'AAAAAAAAAAAAAAAAAAAAA-';
const to = 'BBBBBBBBBBBBBBBBBBBBB_';
const stats = { node: from, state: 'open', connections: 3, causes: { closed: 1 } } as unknown as ServerStats;

/** One of each kind: the compiler finds one that is missing. */
const each: { [K in NodeMessage['kind']]: NodeMessage<K> } = {
  beat: {
    kind: 'beat',
    from,
    everyMs: 5_000,
    first: true,
    takeovers: 1,
    heard: [[to, 3, 4]],
    stats,
    process: '7 here',
  },
  bye: { kind: 'bye', from },
  takeovers: { kind: 'takeovers', from, after: 0, through: 2, top: 3, facts: [[to, 2 ** 40]] },
  presence: {
    kind: 'presence',
    from,
    after: 0,
    through: 2,
    top: 2,
    pruned: 1,
    facts: [
      ['röm', to, 'ann'],
      ['röm', to, null],
    ],
  },
  ask: { kind: 'ask', from, to, session: to, connection: 2, through: 9, requests: [7, 9] },
  answer: { kind: 'answer', from, to, session: to, requests: [7], fate: 'failed', code: 'x', text: 'y' },
  signal: { kind: 'signal', from, topic: 'cursors' },
  order: { kind: 'order', from, id: 1, session: to, order: 'close', text: 'Enough.' },
  obeyed: { kind: 'obeyed', from, to, id: 1 },
};

/** The same message with another header. */
function altered(message: NodeMessage, change: (header: Record<string, unknown>) => void): Uint8Array {
  const header = structuredClone(message) as unknown as Record<string, unknown>;
  change(header);
  return encodeNodeMessage(header as unknown as NodeMessage);
}

describe('messages between nodes', () => {
  for (const message of Object.values(each)) {
    it(`[CLUSTER-2] "${message.kind}" arrives as it was sent, with its payload`, () => {
      const payload = new Uint8Array([0, 255, 1]);
      const decoded = decodeNodeMessage(encodeNodeMessage(message, payload));
      expect(decoded?.message).toEqual(message);
      expect(Array.from(decoded!.payload)).toEqual([0, 255, 1]);
    });

    it(`[CLUSTER-2] "${message.kind}" is refused when any field is missing or of another type`, () => {
      for (const field of Object.keys(message)) {
        for (const wrong of [undefined, -1, 1.5, [-1], { x: 1 }, 'x'.repeat(2_000)]) {
          const bytes = altered(message, (header) => (header[field] = wrong));
          expect(decodeNodeMessage(bytes), `${field}: ${String(wrong).slice(0, 20)}`).toBeUndefined();
        }
      }
    });

    it(`[CLUSTER-2] "${message.kind}" is taken with fields of a later release`, () => {
      const bytes = altered(message, (header) => (header.later = { any: 'thing' }));
      expect(decodeNodeMessage(bytes)?.message).toMatchObject({ kind: message.kind });
    });
  }

  it('[CLUSTER-2] later versions, unknown kinds, and lists without end are ignored', () => {
    const bytes = encodeNodeMessage(each.bye);
    expect(decodeNodeMessage(bytes.with(0, 2))).toBeUndefined();
    for (const kind of ['later', 'constructor', '__proto__', ''])
      expect(decodeNodeMessage(altered(each.bye, (header) => (header.kind = kind)))).toBeUndefined();
    const requests = Array.from({ length: 513 }, (_, at) => at);
    expect(decodeNodeMessage(encodeNodeMessage({ ...each.ask, requests }))).toBeUndefined();
    const tooLong = encodeNodeMessage(each.bye, new Uint8Array(NODE_MESSAGE_BYTES_MAX));
    expect(decodeNodeMessage(tooLong)).toBeUndefined();
  });

  it('[CLUSTER-2] any bytes are a message or nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(decodeNodeMessage(bytes)).toBeUndefined();
      }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(each)),
        fc.nat(200),
        fc.integer({ min: 0, max: 255 }),
        (message, at, byte) => {
          const bytes = encodeNodeMessage(message);
          const decoded = decodeNodeMessage(bytes.with(at % bytes.length, byte));
          if (decoded) expect(Object.keys(each)).toContain(decoded.message.kind);
          expect(decodeNodeMessage(bytes.subarray(0, at % bytes.length))).toBeUndefined();
        },
      ),
    );
  });
});
