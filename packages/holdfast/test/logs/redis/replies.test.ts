import { describe, expect, it, vi } from 'vitest';
import {
  ProtocolError,
  type Reply,
  ReplyError,
  ReplyReader,
} from '../../../src/server/logs/redis/replies.ts';

/** What comes out when the text comes in pieces of this size. */
function read(text: string | Buffer, pieceBytes = Infinity): Reply[] {
  const replies: Reply[] = [];
  const reader = new ReplyReader((reply) => replies.push(reply));
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieceBytes) reader.read(bytes.subarray(at, at + pieceBytes));
  return replies;
}

function copiedBytes(text: string, pieceBytes: number): number {
  const copies = vi.spyOn(Buffer, 'concat');
  try {
    read(text, pieceBytes);
    return copies.mock.results.reduce((sum, { value }) => sum + (value as Buffer).length, 0);
  } finally {
    copies.mockRestore();
  }
}

const samples: [text: string, reply: Reply][] = [
  ['+OK\r\n', 'OK'],
  ['+\r\n', ''],
  ['-ERR unknown command\r\n', new ReplyError('ERR unknown command')],
  [':0\r\n', 0],
  [':-12\r\n', -12],
  [':9007199254740991\r\n', Number.MAX_SAFE_INTEGER],
  ['$0\r\n\r\n', Buffer.alloc(0)],
  ['$6\r\n+a\r\n:1\r\n', Buffer.from('+a\r\n:1')],
  ['$-1\r\n', null],
  ['*-1\r\n', null],
  ['*0\r\n', []],
  ['*3\r\n:1\r\n*2\r\n$1\r\na\r\n*0\r\n$-1\r\n', [1, [Buffer.from('a'), []], null]],
  ['*2\r\n-ERR one\r\n+two\r\n', [new ReplyError('ERR one'), 'two']],
];

describe('replies', () => {
  it.each(samples)('%j', (text, reply) => {
    expect(read(text)).toEqual([reply]);
  });

  it('come out the same however they are cut', () => {
    const text = samples.map(([sample]) => sample).join('');
    for (let bytes = 1; bytes <= text.length; bytes++)
      expect(read(text, bytes), `${bytes} at a time`).toEqual(samples.map(([, reply]) => reply));
  });

  it('hold any bytes', () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const text = Buffer.concat([Buffer.from('$256\r\n'), all, Buffer.from('\r\n+next\r\n')]);
    for (const pieceBytes of [1, 7, 300]) expect(read(text, pieceBytes)).toEqual([all, 'next']);
  });

  it('only what came in pieces is copied, and once', () => {
    const large = `$${4 * 1_048_576}\r\n${'x'.repeat(4 * 1_048_576)}\r\n`;
    expect(copiedBytes(large, 1_024)).toBeLessThan(large.length + 10_000);
    const many = '$100\r\n'.concat('x'.repeat(100), '\r\n').repeat(10_000);
    expect(copiedBytes(many, 65_536)).toBeLessThan((many.length / 65_536 + 1) * 200);
  });

  it.each([
    ['HTTP/1.1 400 Bad Request\r\n', 'begins with the byte 72'],
    ['\u0015\u0003\u0003', 'begins with the byte 21'],
    [`+${'x'.repeat(70_000)}`, 'a line without an end'],
    [':1x\r\n', 'number'],
    ['$x\r\n', 'number'],
    ['$536870913\r\n', '536870913 bytes'],
    ['*1048577\r\n', 'an array of 1048577'],
    ['*1\r\n'.repeat(9), 'an array of 1 '],
  ])('%j is none', (text, what) => {
    expect(() => read(text)).toThrow(ProtocolError);
    expect(() => read(text)).toThrow(what);
  });
});
