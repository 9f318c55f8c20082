import assert from 'node:assert/strict';
import { connect } from 'node:net';
import type { Engine, EngineHost } from '../../server/engine.ts';
import { PROTOCOL_VERSION } from '../../protocol/version.ts';
import { describeHostility } from './engine-contract-hostile.ts';
import { describePressure } from './engine-contract-pressure.ts';
import { EngineSubject, MESSAGE_BYTES_MAX } from './engine-subject.ts';
import { within, type Runner } from './runner.ts';
import { opcodes, WebSocketPeer } from './web-socket-peer.ts';

/**
 * What every engine behind the port `server/engine.ts` must do, seen from a plain TCP socket.
 *
 *   import { describe, it } from 'vitest';
 *   describeEngine('node-ws', (host) => nodeWsEngine(host, undefined), {
 *     describe,
 *     it: (title, body) => it(title, body, 30_000),
 *   });
 *
 * `make` gives an engine that serves upgrades at any path.
 */
export function describeEngine(name: string, make: (host: EngineHost) => Engine, runner: Runner): void {
  /** One test with an engine of its own. */
  const test: EngineTest = (title, body) =>
    runner.it(title, async () => {
      const subject = await EngineSubject.listen(make);
      try {
        await body(subject);
      } finally {
        await subject.end();
      }
    });
  runner.describe(`the engine ${name}`, () => {
    runner.describe('messages', () => describeMessages(test));
    runner.describe('closing', () => describeClosing(test));
    runner.describe('upgrades', () => describeUpgrades(test));
    runner.describe('pressure', () => describePressure(test));
    runner.describe('hostile peers', () => describeHostility(test));
    runner.describe('listening', () => describeListening(test));
  });
}

export type EngineTest = (title: string, body: (subject: EngineSubject) => Promise<void>) => void;

const pattern = Uint8Array.from({ length: MESSAGE_BYTES_MAX + 512 }, (_, index) => index);

/** The bytes 0, 1, 2 … over and over, from a place that tells messages apart. */
export function patterned(length: number, from = 0): Buffer {
  return Buffer.from(pattern.subarray(from % 256, (from % 256) + length));
}

const sizes = [0, 1, 125, 126, 127, 65_535, MESSAGE_BYTES_MAX];

function describeMessages(test: EngineTest): void {
  test('[WIRE-2] messages of every size reach the server whole and in order', async (subject) => {
    const { peer, speaker } = await subject.pair();
    for (const size of sizes) peer.send(patterned(size, size));
    for (const size of sizes) assert.deepEqual(await speaker.messages.next(), patterned(size, size));
  });

  test('[FLOW-9] a message that was handed over stays as it was, whatever comes after it', async (subject) => {
    const { peer, speaker } = await subject.pair();
    const froms = Array.from({ length: 200 }, (_, index) => index);
    for (const from of froms) peer.send(patterned(1_000, from));
    const messages: Buffer[] = [];
    while (messages.length < froms.length) messages.push(await speaker.messages.next());
    for (const from of froms) assert.equal(Buffer.compare(messages[from]!, patterned(1_000, from)), 0);
  });

  test('[WIRE-2] messages of every size reach the peer whole, in order, and marked as binary', async (subject) => {
    const { peer, speaker } = await subject.pair();
    for (const size of sizes) speaker.socket.send(patterned(size, size));
    for (const size of sizes) {
      const { opcode, fin, payload } = await peer.frames.next();
      assert.deepEqual({ opcode, fin }, { opcode: opcodes.binary, fin: true });
      assert.equal(Buffer.compare(payload, patterned(size, size)), 0, `${size} bytes`);
    }
    // What the server sends is bounded by others, not by what it takes.
    const large = Buffer.alloc(1_048_576, 'large');
    speaker.socket.send(large);
    assert.equal(Buffer.compare((await peer.frames.next()).payload, large), 0);
  });

  test('[WIRE-2] a message in fragments is handed over whole, and a ping between them is answered', async (subject) => {
    const { peer, speaker } = await subject.pair();
    peer.send(patterned(5), { fin: false });
    peer.send(Buffer.from('are you there'), { opcode: opcodes.ping });
    peer.send(patterned(5, 5), { opcode: opcodes.continuation, fin: false });
    peer.send(patterned(5, 10), { opcode: opcodes.continuation });
    assert.deepEqual(await speaker.messages.next(), patterned(15));
    const { opcode, payload } = await peer.frames.next();
    assert.deepEqual([opcode, payload.toString()], [opcodes.pong, 'are you there']);
  });

  test('[WIRE-2] a text message is handed over as an empty one, which holds no record', async (subject) => {
    const { peer, speaker } = await subject.pair();
    peer.send(Buffer.from('text'), { opcode: opcodes.text });
    assert.equal((await speaker.messages.next()).length, 0);
  });

  test('[WIRE-2] connections do not hear each other', async (subject) => {
    const [a, b] = [await subject.pair(), await subject.pair()];
    a.peer.send(Buffer.from('to a'));
    b.peer.send(Buffer.from('to b'));
    assert.equal(String(await a.speaker.messages.next()), 'to a');
    assert.equal(String(await b.speaker.messages.next()), 'to b');
    a.speaker.socket.send(Buffer.from('from a'));
    b.speaker.socket.send(Buffer.from('from b'));
    assert.equal(String((await a.peer.frames.next()).payload), 'from a');
    assert.equal(String((await b.peer.frames.next()).payload), 'from b');
  });
}

function describeClosing(test: EngineTest): void {
  test('[CLOSE-1] the server’s code and reason reach the peer, and the end is told once', async (subject) => {
    const { peer, speaker } = await subject.pair();
    speaker.socket.close(4005, 'The game is over: 3–1.');
    assert.deepEqual(await within('the Close frame', peer.closed), {
      code: 4005,
      reason: 'The game is over: 3–1.',
    });
    assert.equal((await within('the end', speaker.closed)).code, 4005);
    assert.equal(speaker.closes.length, 1);
  });

  test('[CLOSE-1] the peer’s code and reason reach the server, once', async (subject) => {
    const { peer, speaker } = await subject.pair();
    peer.close(1000, 'Bye — until later.');
    assert.deepEqual(await within('the end', speaker.closed), { code: 1000, reason: 'Bye — until later.' });
    assert.equal(speaker.closes.length, 1);
  });

  test('[CLOSE-1] a reason beyond 123 bytes is cut between two characters', async (subject) => {
    for (const reason of ['ä'.repeat(100), `x${'世'.repeat(60)}`, '🚲'.repeat(40)]) {
      const { peer, speaker } = await subject.pair();
      speaker.socket.close(4005, reason);
      const close = await within('the Close frame', peer.closed);
      assert.equal(close.code, 4005);
      assert.ok(Buffer.byteLength(close.reason) <= 123, close.reason);
      assert.ok(Buffer.byteLength(close.reason) > 110, `no more is cut than must be: ${close.reason}`);
      assert.ok(!close.reason.includes('\uFFFD'), close.reason);
      assert.ok(reason.startsWith(close.reason.replace(/…$/, '')), close.reason);
    }
  });

  test('[DRAIN-2] what was sent before the close arrives before it', async (subject) => {
    const { peer, speaker } = await subject.pair();
    for (let i = 0; i < 40; i++) speaker.socket.send(patterned(MESSAGE_BYTES_MAX, i));
    speaker.socket.close(1001, '');
    const frames = await peer.frames.take(40);
    for (const [index, { payload }] of frames.entries()) {
      assert.equal(Buffer.compare(payload, patterned(MESSAGE_BYTES_MAX, index)), 0, `message ${index}`);
    }
    assert.equal((await within('the Close frame', peer.closed)).code, 1001);
  });

  test('[CLOSE-1] terminate ends the connection without a Close frame', async (subject) => {
    const { peer, speaker } = await subject.pair();
    speaker.socket.terminate();
    assert.equal((await within('the end at the peer', peer.closed)).code, 1006);
    assert.equal((await within('the end at the server', speaker.closed)).code, 1006);
    assert.equal(speaker.closes.length, 1);
  });

  test('[CLOSE-1] after its end a socket takes every call and does nothing', async (subject) => {
    const { peer, speaker } = await subject.pair();
    const { socket } = speaker;
    socket.close(1000, '');
    socket.send(patterned(10));
    socket.close(4005, 'again');
    assert.equal((await within('the Close frame', peer.closed)).code, 1000);
    await within('the end', speaker.closed);
    socket.send(patterned(10));
    socket.pause();
    socket.resume();
    socket.close(1000, '');
    socket.terminate();
    assert.equal(socket.bufferedBytes, 0);
    assert.equal(peer.frames.size, 0);
    assert.equal(speaker.closes.length, 1);
  });
}

function describeUpgrades(test: EngineTest): void {
  test('[WIRE-1] an upgrade that does not offer the subprotocol is refused, and told what it offered', async (subject) => {
    for (const protocols of [[], ['mqtt'], ['holdfast.v0', 'graphql-transport-ws'], ['HOLDFAST.V1']]) {
      const { peer, answer } = await WebSocketPeer.upgrade(subject.port, { protocols });
      subject.keep(peer);
      assert.equal(answer.status, 400);
      assert.match(answer.body, new RegExp(`${PROTOCOL_VERSION}.*${protocols.join(', ') || 'none'}`));
    }
    assert.equal(subject.openedCount, 0);
  });

  test('[WIRE-1] of several offered the subprotocol is chosen', async (subject) => {
    for (const protocols of [
      ['mqtt', PROTOCOL_VERSION],
      [PROTOCOL_VERSION, 'holdfast.v9'],
    ]) {
      const { peer, answer } = await WebSocketPeer.upgrade(subject.port, { protocols });
      subject.keep(peer);
      assert.equal(answer.status, 101);
      assert.equal(answer.headers['sec-websocket-protocol'], PROTOCOL_VERSION);
    }
  });

  test('[AUTH-1] the host sees path, query, headers and address', async (subject) => {
    const { speaker } = await subject.pair({ path: '/chat?room=7', headers: { 'X-Test': 'yes' } });
    const { url, headers, address } = speaker.handshake;
    assert.equal(url, '/chat?room=7');
    assert.equal(headers['x-test'], 'yes');
    assert.match(address, /127\.0\.0\.1$/);
  });

  test('[DRAIN-1] a refusal carries its status, its text and Retry-After, and opens nothing', async (subject) => {
    for (const [status, retryAfterSeconds] of [
      [503, 2],
      [403, undefined],
      [429, 60],
    ] as const) {
      subject.refusal = {
        status,
        text: `No, ${status}.`,
        ...(retryAfterSeconds ? { retryAfterSeconds } : {}),
      };
      const { peer, answer } = await WebSocketPeer.upgrade(subject.port);
      subject.keep(peer);
      assert.equal(answer.status, status);
      assert.match(answer.body, new RegExp(`No, ${status}\\.`));
      assert.equal(answer.headers['retry-after'], retryAfterSeconds?.toString());
    }
    assert.equal(subject.openedCount, 0);
    subject.refusal = undefined;
    await subject.pair();
  });

  test('[DRAIN-1] a plain request gets the host’s answer', async (subject) => {
    const answer = await fetch(`http://127.0.0.1:${subject.port}/teapot?x`);
    assert.equal(answer.status, 200);
    assert.equal(await answer.text(), 'You asked for /teapot?x.');
    const teapot = await fetch(`http://127.0.0.1:${subject.port}/teapot`, {
      headers: { origin: 'https://app.example' },
    });
    assert.equal(teapot.status, 418);
    assert.equal(teapot.headers.get('x-kind'), 'tea');
    assert.equal(await teapot.text(), 'You asked for /teapot from https://app.example.');
  });
}

function describeListening(test: EngineTest): void {
  test('close frees the port, and does not wait for peers that never finish their request', async (subject) => {
    const silent = subject.keep(await WebSocketPeer.dial(subject.port));
    const half = subject.keep(await WebSocketPeer.dial(subject.port));
    half.write('GET / HTTP/1.1\r\nHost: half');
    // Whoever is answered was connected after them, so the server has them by now.
    await (await fetch(`http://127.0.0.1:${subject.port}/`)).text();
    await within('the engine to close', subject.engine.close());
    // A peer that has never spoken may not look whether it is still heard.
    silent.write('G');
    await Promise.all([silent.closed, half.closed].map((closed) => within('the end of a request', closed)));
    const refused = new Promise<string>((resolve) => {
      connect(subject.port, '127.0.0.1').once('error', (error: NodeJS.ErrnoException) =>
        resolve(error.code ?? ''),
      );
    });
    assert.equal(await within('the refusal', refused), 'ECONNREFUSED');
    await subject.engine.close();
  });

  test('a port that is taken is an error of listen, not of the process', async (subject) => {
    const other = new EngineSubject();
    await assert.rejects(async () => subject.engine.listen(subject.port, '127.0.0.1'), {
      code: 'EADDRINUSE',
    });
    assert.equal(other.openedCount, 0);
    await subject.pair();
  });
}
