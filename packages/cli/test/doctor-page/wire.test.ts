import { decode, encode } from 'holdfast/protocol';
import { describe, expect, it } from 'vitest';
import { firstWord, helloBytes, pingBytes, pongBytes } from '../../src/doctor-page/page/wire.ts';

const bufferOf = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer;

describe('the wire of the page is the wire of Holdfast', () => {
  it('hello, ping and pong', () => {
    const long = 'ü'.repeat(200);
    expect(decode(helloBytes(300, long, 'secret'))).toEqual([
      {
        type: 'hello',
        connection: 300,
        resumeToken: long,
        token: 'secret',
        node: '',
        sequenceSent: 0,
        requestSent: 0,
      },
    ]);
    expect(decode(pingBytes(5))).toEqual([{ type: 'ping', id: 5, tops: [] }]);
    expect(decode(pongBytes(70_000))).toEqual([{ type: 'pong', id: 70_000, finished: 0 }]);
  });

  it('welcome, ping and pong of a server', () => {
    const welcome = encode([
      {
        type: 'welcome',
        session: 's',
        resumeToken: 'again '.repeat(40),
        resumed: true,
        node: 'n',
        heartbeatMs: 25_000,
        graceMs: 20_000,
        messageBytesMax: 1_048_576,
        window: 256,
        returnWindowMs: 0,
        returnPlace: 0,
      },
      { type: 'pong', id: 1, finished: 0 },
    ]);
    expect(firstWord(bufferOf(welcome))).toEqual({
      type: 'welcome',
      resumeToken: 'again '.repeat(40),
      resumed: true,
    });
    expect(firstWord(bufferOf(encode([{ type: 'ping', id: 9_999, tops: [] }])))).toEqual({
      type: 'ping',
      id: 9_999,
    });
    expect(firstWord(bufferOf(encode([{ type: 'pong', id: 1, finished: 0 }])))).toEqual({ type: 'pong' });
  });

  it('takes any bytes', () => {
    for (const bytes of [[], [255], [16], [16, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], [99, 1, 2]]) {
      expect(['welcome', 'ping', 'pong', 'other']).toContain(
        firstWord(bufferOf(Uint8Array.from(bytes))).type,
      );
    }
  });
});
