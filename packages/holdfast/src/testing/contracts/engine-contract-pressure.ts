import assert from 'node:assert/strict';
import { patterned, type EngineTest } from './engine-contract.ts';
import { MESSAGE_BYTES_MAX, type EngineSubject, type Speaker } from './engine-subject.ts';
import { within } from './runner.ts';

/** Peers that read slowly, and servers that do. */
export function describePressure(test: EngineTest): void {
  test('[FLOW-1] a peer that does not read makes bufferedBytes grow; once it reads, the drain is told', async (subject) => {
    const { peer, speaker } = await subject.pair();
    peer.socket.pause();
    const sent = await fill(speaker, 1_048_576);
    peer.socket.resume();
    assert.ok((await speaker.drained.next()) < 65_536, 'the drain is told when there is room again');
    const frames = await peer.frames.take(sent);
    for (const [index, { payload }] of frames.entries()) {
      assert.equal(Buffer.compare(payload, patterned(MESSAGE_BYTES_MAX, index)), 0, `message ${index}`);
    }
    // It can fill and drain again.
    peer.socket.pause();
    await fill(speaker, 1_048_576);
    peer.socket.resume();
    await speaker.drained.next();
  });

  test('[FLOW-1] what was sent is copied: its memory is the caller’s again, even while it waits', async (subject) => {
    const { peer, speaker } = await subject.pair();
    peer.socket.pause();
    const sent = await fill(speaker, 1_048_576);
    const memory = Buffer.alloc(1_000);
    for (let i = 0; i < 20; i++) {
      memory.fill(i);
      speaker.socket.send(memory.subarray(0, 100 + i));
    }
    memory.fill(0xff);
    peer.socket.resume();
    await peer.frames.take(sent);
    for (let i = 0; i < 20; i++) {
      const { payload } = await peer.frames.next();
      assert.equal(Buffer.compare(payload, Buffer.alloc(100 + i, i)), 0, `message ${i}`);
    }
  });

  test('[HUB-1] the same bytes can be sent on many connections', async (subject) => {
    const pairs = [await subject.pair(), await subject.pair(), await subject.pair()];
    for (const size of [10, 70_000]) {
      const shared = Buffer.alloc(size, size);
      for (const { speaker } of pairs) speaker.socket.send(shared);
      pairs[0]!.speaker.socket.send(Buffer.from('between'));
      for (const { speaker } of pairs) speaker.socket.send(shared);
      for (const [index, { peer }] of pairs.entries()) {
        const sizes = (await peer.frames.take(index === 0 ? 3 : 2)).map(({ payload }) => payload.length);
        assert.deepEqual(sizes, index === 0 ? [size, 7, size] : [size, size]);
      }
    }
  });

  test('[FLOW-1] one that does not read holds up nobody else', async (subject) => {
    const [slow, other] = [await subject.pair(), await subject.pair()];
    slow.peer.socket.pause();
    await fill(slow.speaker, 1_048_576);
    await roundTrips(other.peer, other.speaker, 20);
    assert.equal(other.speaker.socket.bufferedBytes, 0);
  });

  test('[FLOW-1] what waits for one that does not read stays as it is, whatever others are sent meanwhile', async (subject) => {
    const [slow, other] = [await subject.pair(), await subject.pair()];
    slow.peer.socket.pause();
    const sent = await fill(slow.speaker, 65_536);
    for (let i = 0; i < 100; i++) {
      slow.speaker.socket.send(patterned(1_000, i));
      other.speaker.socket.send(Buffer.alloc(1_000, 0xee));
    }
    await other.peer.frames.take(100);
    slow.peer.socket.resume();
    await slow.peer.frames.take(sent);
    for (const [index, { payload }] of (await slow.peer.frames.take(100)).entries()) {
      assert.equal(Buffer.compare(payload, patterned(1_000, index)), 0, `message ${index}`);
    }
  });

  test('[FLOW-1] terminate ends even a connection whose peer does not read', async (subject) => {
    const { peer, speaker } = await subject.pair();
    peer.socket.pause();
    await fill(speaker, 1_048_576);
    speaker.socket.terminate();
    assert.equal((await within('the end', speaker.closed)).code, 1006);
  });

  test('[FLOW-7] a paused socket hands over nothing, and TCP holds its peer back', async (subject) => {
    const [{ peer, speaker }, other] = [await subject.pair(), await subject.pair()];
    speaker.socket.pause();
    await roundTrips(other.peer, other.speaker, 5);
    // Far more than what the two kernels take between them.
    const count = 400;
    for (let i = 0; i < count; i++) peer.send(patterned(MESSAGE_BYTES_MAX, i));
    await roundTrips(other.peer, other.speaker, 20);
    assert.equal(speaker.messages.size, 0);
    assert.ok(peer.socket.writableLength > 0, 'the peer can’t get rid of what it has');
    speaker.socket.resume();
    for (let i = 0; i < count; i++) {
      const message = await speaker.messages.next();
      assert.equal(Buffer.compare(message, patterned(MESSAGE_BYTES_MAX, i)), 0, `message ${i}`);
    }
  });

  test('[FLOW-7] a socket can be paused and resumed between any two messages', async (subject) => {
    const { peer, speaker } = await subject.pair();
    for (let i = 0; i < 50; i++) {
      speaker.socket.pause();
      peer.send(patterned(10, i));
      speaker.socket.resume();
    }
    for (let i = 0; i < 50; i++) assert.deepEqual(await speaker.messages.next(), patterned(10, i));
  });
}

/** Sends until the operating system takes no more and `bytes` wait in the process; gives the count of messages. */
async function fill(speaker: Speaker, bytes: number): Promise<number> {
  let sent = 0;
  while (speaker.socket.bufferedBytes < bytes) {
    assert.ok(sent < 1_000, 'bufferedBytes must grow when the peer does not read');
    speaker.socket.send(patterned(MESSAGE_BYTES_MAX, sent++));
    await turns(3);
  }
  // While the operating system still took some, it drained now and then.
  speaker.drained.clear();
  return sent;
}

/** Messages there and back: a clock that ticks only when the server does its work. */
export async function roundTrips(
  peer: Awaited<ReturnType<EngineSubject['pair']>>['peer'],
  speaker: Speaker,
  count: number,
): Promise<void> {
  for (let i = 0; i < count; i++) {
    peer.send(Buffer.from(`trip ${i}`));
    speaker.socket.send(await speaker.messages.next());
    assert.equal(String((await peer.frames.next()).payload), `trip ${i}`);
  }
}

/** Lets the event loop turn, so that the operating system can take what it will. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}
