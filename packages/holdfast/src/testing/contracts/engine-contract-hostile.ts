import assert from 'node:assert/strict';
import { patterned, type EngineTest } from './engine-contract.ts';
import { roundTrips } from './engine-contract-pressure.ts';
import { MESSAGE_BYTES_MAX, type EngineSubject } from './engine-subject.ts';
import { within } from './runner.ts';
import { frameOf, opcodes, upgradeRequest, WebSocketPeer } from './web-socket-peer.ts';

const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';

/** Peers that break the rules: each loses its own connection, and nobody else loses anything. */
export function describeHostility(base: EngineTest): void {
  /** Every test has an honest peer beside the hostile ones, which must not notice them. */
  const test = (title: string, body: (subject: EngineSubject) => Promise<void>): void =>
    base(title, async (subject) => {
      const honest = await subject.pair();
      await roundTrips(honest.peer, honest.speaker, 1);
      await body(subject);
      await roundTrips(honest.peer, honest.speaker, 5);
      assert.equal(honest.speaker.closes.length, 0);
    });

  test('[WIRE-2] a message beyond the limit is closed with 1009, and nothing of it is handed over', async (subject) => {
    const { peer, speaker } = await subject.pair();
    peer.send(patterned(MESSAGE_BYTES_MAX + 1));
    assert.equal((await within('the Close frame', peer.closed)).code, 1009);
    const { code, reason } = await within('the end', speaker.closed);
    assert.equal(code, 1009);
    assert.match(reason, /65536 bytes/);
    assert.equal(speaker.messages.size, 0);
  });

  test('[WIRE-2] so is one whose header alone promises too much', async (subject) => {
    const { peer, speaker } = await subject.pair();
    peer.write(frameOf(new Uint8Array(200_000), opcodes.binary, true).subarray(0, 14));
    assert.equal((await within('the Close frame', peer.closed)).code, 1009);
    await within('the end', speaker.closed);
  });

  test('[WIRE-2] so is one that passes the limit in fragments', async (subject) => {
    const { peer, speaker } = await subject.pair();
    peer.send(patterned(MESSAGE_BYTES_MAX), { fin: false });
    peer.send(patterned(1), { opcode: opcodes.continuation });
    assert.equal((await within('the Close frame', peer.closed)).code, 1009);
    await within('the end', speaker.closed);
    assert.equal(speaker.messages.size, 0);
  });

  test('[WIRE-2] a message in a thousand fragments is refused, or taken whole', async (subject) => {
    const { peer, speaker } = await subject.pair();
    peer.send(patterned(1), { fin: false });
    for (let i = 0; i < 1_000; i++) peer.send(patterned(1), { opcode: opcodes.continuation, fin: false });
    peer.send(patterned(1), { opcode: opcodes.continuation });
    const taken = speaker.messages.next().then(({ length }) => length);
    const refused = peer.closed.then(({ code }) => code);
    const outcome = await within('the message, or the Close frame', Promise.race([taken, refused]));
    assert.ok([1_002, 1_008, 1_009].includes(outcome), `${outcome}`);
    if (outcome !== 1_002) await within('the end', speaker.closed);
  });

  // RFC 6455 §5.1 and §5.2: what a server must fail the connection for.
  const violations: Record<string, Uint8Array> = {
    'a frame without a mask': Buffer.from([0x82, 0x01, 0x00]),
    'an unknown opcode': frameOf(patterned(1), 3, true),
    'a reserved bit': frameOf(patterned(1), opcodes.binary | 0x40, true),
    'a continuation of nothing': frameOf(patterned(1), opcodes.continuation, true),
    'a ping in fragments': frameOf(patterned(1), opcodes.ping, false),
    'a ping of 126 bytes': frameOf(patterned(126), opcodes.ping, true),
    'a length beyond 2^53': Buffer.from([0x82, 0xff, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0]),
    'a Close frame of one byte': frameOf(patterned(1), opcodes.close, true),
    'a Close code that must not be sent': frameOf(Buffer.from([0x03, 0xee]), opcodes.close, true),
    'a text that is no UTF-8': frameOf(Buffer.from([0xc0, 0x80]), opcodes.text, true),
    'an HTTP request': Buffer.from('GET / HTTP/1.1\r\n\r\n'),
  };
  for (const [what, bytes] of Object.entries(violations)) {
    test(`[WIRE-2] ${what} ends its own connection only`, async (subject) => {
      const { peer, speaker } = await subject.pair();
      peer.write(bytes);
      await within('the end', speaker.closed);
      assert.equal(speaker.closes.length, 1);
      assert.equal(speaker.messages.size, 0);
      peer.socket.destroy();
    });
  }

  test('[WIRE-2] random bytes end their own connections only', async (subject) => {
    const ends: Promise<unknown>[] = [];
    for (let i = 0; i < 30; i++) {
      const { peer, speaker } = await subject.pair();
      // Cyclic bytes from each place: some look like frames for a while, none are masked rightly for long.
      peer.write(patterned(2_000, i * 8));
      peer.socket.end();
      ends.push(within('the end', speaker.closed));
    }
    await Promise.all(ends);
  });

  test('[WIRE-2] a message that comes byte by byte is taken', async (subject) => {
    const { peer, speaker } = await subject.pair();
    peer.socket.setNoDelay(true);
    for (const byte of frameOf(patterned(40), opcodes.binary, true)) {
      peer.write(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(await speaker.messages.next(), patterned(40));
  });

  test('[CLOSE-1] a reset at any moment ends its own connection, and is told once', async (subject) => {
    const moments: ((peer: WebSocketPeer) => void)[] = [
      () => {},
      (peer) => peer.write(frameOf(patterned(50), opcodes.binary, true).subarray(0, 20)),
      (peer) => peer.write(frameOf(patterned(50), opcodes.binary, true).subarray(0, 3)),
      (peer) => peer.send(patterned(MESSAGE_BYTES_MAX)),
      (peer) => peer.close(1000, ''),
    ];
    for (const act of moments) {
      const { peer, speaker } = await subject.pair();
      act(peer);
      speaker.socket.send(patterned(MESSAGE_BYTES_MAX));
      peer.reset();
      await within('the end', speaker.closed);
      speaker.socket.send(patterned(10));
      assert.equal(speaker.closes.length, 1);
    }
  });

  test('[CLOSE-1] a reset while much is being sent ends the connection', async (subject) => {
    const { peer, speaker } = await subject.pair();
    peer.socket.pause();
    for (let i = 0; i < 200; i++) speaker.socket.send(patterned(MESSAGE_BYTES_MAX, i));
    peer.reset();
    await within('the end', speaker.closed);
  });

  test('[WIRE-1] a peer that is gone before its upgrade is answered does no harm', async (subject) => {
    const before = subject.openedCount;
    for (const refusal of [undefined, { status: 503, text: 'No.' }]) {
      subject.refusal = refusal;
      for (let i = 0; i < 20; i++) {
        const peer = await WebSocketPeer.dial(subject.port);
        peer.write(upgradeRequest(KEY, i % 2 ? {} : { protocols: ['other'] }));
        if (i % 3 === 0) peer.reset();
        else peer.socket.destroy();
      }
    }
    subject.refusal = undefined;
    const { peer } = await subject.pair();
    peer.socket.destroy();
    assert.ok(subject.openedCount > before);
  });

  test('[WIRE-1] an upgrade that breaks RFC 6455 is refused', async (subject) => {
    const request = upgradeRequest(KEY, {});
    const wrong = [
      request.replace('Sec-WebSocket-Version: 13', 'Sec-WebSocket-Version: 7'),
      request.replace(`Sec-WebSocket-Key: ${KEY}`, 'Sec-WebSocket-Key: short'),
      request.replace('GET /', 'POST /'),
      request.replace('Upgrade: websocket', 'Upgrade: h2c'),
    ];
    for (const text of wrong) {
      const peer = subject.keep(await WebSocketPeer.dial(subject.port));
      peer.write(text);
      const status = await within(
        'an answer',
        peer.answered.then((answer) => answer.status),
      );
      assert.ok(status >= 400 && status < 500, `answered with ${status}: ${text}`);
    }
    assert.equal(subject.openedCount, 1);
  });
}
