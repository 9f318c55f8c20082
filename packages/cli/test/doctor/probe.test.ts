import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Budget, BudgetExceeded } from '../../src/doctor/probe/budget.ts';
import { encodeClientFrame, type Frame, FrameReader, OPCODE } from '../../src/doctor/probe/frames.ts';
import { parseResponseHead } from '../../src/doctor/probe/response-head.ts';
import { summarise } from '../../src/doctor/steps/round-trips.ts';

function readInPieces(bytes: Buffer, size: number): { frames: Frame[]; violation: string | null } {
  const reader = new FrameReader();
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; at += size) frames.push(...reader.read(bytes.subarray(at, at + size)));
  return { frames, violation: reader.violation };
}

describe('the reader of frames', () => {
  it('reads text, wherever the packets are cut', () => {
    const bytes = Buffer.concat([Buffer.from([0x81, 5]), Buffer.from('hello'), Buffer.from([0x89, 0])]);
    for (let size = 1; size <= bytes.length; size += 1) {
      const { frames } = readInPieces(bytes, size);
      expect(frames.map(({ opcode, payload }) => [opcode, payload.toString()])).toEqual([
        [OPCODE.text, 'hello'],
        [OPCODE.ping, ''],
      ]);
    }
  });

  it('counts a payload that is too long to keep, and reads on after it', () => {
    const bytes = 3 * 1024 * 1024;
    const head = Buffer.alloc(10);
    head.writeUInt16BE(0x827f);
    head.writeBigUInt64BE(BigInt(bytes), 2);
    const { frames } = readInPieces(
      Buffer.concat([head, Buffer.alloc(bytes), Buffer.from([0x8a, 0])]),
      65_536,
    );
    expect(frames.map(({ payloadBytes, payload }) => [payloadBytes, payload.length])).toEqual([
      [bytes, 0],
      [0, 0],
    ]);
  });

  const violations: readonly [string, readonly number[]][] = [
    ['a masked frame', [0x81, 0x80]],
    ['a reserved bit', [0xa1, 0x00]],
    ['compression that nobody negotiated', [0xc1, 0x00]],
    ['an unknown opcode', [0x83, 0x00]],
    ['a long control frame', [0x89, 0x7e]],
    ['a fragmented control frame', [0x09, 0x00]],
    ['a length beyond belief', [0x82, 0x7f, 0x00, 0xff, 0, 0, 0, 0, 0, 0]],
  ];
  it.each(violations)('refuses %s (RFC 6455, section 5)', (_name, bytes) => {
    const { frames, violation } = readInPieces(Buffer.from(bytes), 2);
    expect(frames).toEqual([]);
    expect(violation).not.toBeNull();
  });

  it('takes a compressed frame where that was negotiated', () => {
    expect(new FrameReader(true).read(Buffer.from([0xc1, 0x00]))).toMatchObject([{ compressed: true }]);
  });

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (bytes, size) => {
        const { frames } = readInPieces(Buffer.from(bytes), size);
        expect(frames.length).toBeLessThanOrEqual(100);
      }),
    );
  });

  it('masks what a client sends, at every length of the head', () => {
    for (const length of [0, 125, 126, 65_535, 65_536]) {
      const payload = Buffer.alloc(length, 7);
      const frame = encodeClientFrame(OPCODE.binary, payload);
      const headBytes = length < 126 ? 2 : length < 65_536 ? 4 : 10;
      expect(frame.length).toBe(headBytes + 4 + length);
      expect(frame[1]! & 0x80).toBe(0x80);
      const mask = frame.subarray(headBytes, headBytes + 4);
      const plain = frame.subarray(headBytes + 4).map((byte, i) => byte ^ mask[i & 3]!);
      expect(Buffer.compare(plain, payload)).toBe(0);
    }
  });
});

describe('the reader of response heads', () => {
  const parse = (text: string) => parseResponseHead(Buffer.from(text, 'latin1'));

  it('takes a head apart and leaves the rest', () => {
    const parsed = parse(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nVia: a\r\nvia: b\r\n\r\nrest',
    );
    if (parsed.kind !== 'head') throw new Error(parsed.kind);
    expect(parsed.head.status).toBe(101);
    expect(parsed.head.headers.get('via')).toEqual(['a', 'b']);
    expect(parsed.rest.toString()).toBe('rest');
  });

  it('waits for the end of a head', () => {
    expect(parse('HTTP/1.1 101 Switching').kind).toBe('incomplete');
    expect(parse('HT').kind).toBe('incomplete');
  });

  it('knows other protocols, and shows them without control characters', () => {
    expect(parse('SSH-2.0-x\r\n\u001b[31m')).toEqual({ kind: 'not-http', sample: 'SSH-2.0-x···[31m' });
    expect(parse('HTTP/3 200\r\n\r\n').kind).toBe('not-http');
    expect(parse('\u0015\u0003\u0001\u0000\u0002')).toEqual({ kind: 'not-http', sample: 'a TLS alert' });
  });

  it('gives up on a head without end', () => {
    expect(parse(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}`).kind).toBe('endless');
  });

  it('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        expect(parse(`HTTP/1.1 200 ${text}\r\n\r\n`).kind).not.toBe('incomplete');
      }),
    );
  });
});

describe('the budget', () => {
  it('refuses what was not announced', () => {
    const budget = new Budget({ connections: 3, concurrentConnections: 2, bytes: 100 });
    budget.openConnection();
    budget.openConnection();
    expect(() => budget.openConnection()).toThrow(BudgetExceeded);
    budget.closeConnection();
    budget.openConnection();
    budget.closeConnection();
    expect(() => budget.openConnection()).toThrow(BudgetExceeded);
    budget.sendBytes(100);
    expect(() => budget.sendBytes(1)).toThrow(BudgetExceeded);
    expect(budget.spent).toEqual({ connections: 3, concurrentConnections: 1, bytes: 100 });
  });
});

describe('the figures of round trips', () => {
  it('counts the stalls', () => {
    expect(summarise([10, 12, 10, 230, 11, 10, 250, 10])).toMatchObject({
      answered: 8,
      medianMs: 11,
      maxMs: 250,
      stalls: 2,
    });
  });

  it('counts them on a line where most answers are late', () => {
    expect(summarise([210, 10, 230, 11, 250, 12, 240, 220, 210])).toMatchObject({ medianMs: 210, stalls: 6 });
  });

  it('bears none at all', () => {
    expect(summarise([])).toMatchObject({ answered: 0, medianMs: 0, jitterMs: 0, stalls: 0 });
  });
});
