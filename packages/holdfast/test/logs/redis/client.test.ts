import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { Client } from '../../../src/server/logs/redis/client.ts';
import { resolveRedisOptions } from '../../../src/server/logs/redis/options.ts';
import { ReplyError } from '../../../src/server/logs/redis/replies.ts';

const patient = { timeout: 20_000 };

/** The other end of a connection: what came, and a way to answer. */
class Peer {
  readonly client: Client;
  private readonly socket: Socket;
  private came = Buffer.alloc(0);
  /** The other side has hung up. */
  readonly ended: Promise<unknown>;

  private constructor(client: Client, socket: Socket) {
    this.client = client;
    this.socket = socket;
    this.ended = new Promise((resolve) => socket.once('end', resolve).once('close', resolve));
    socket.on('error', () => {});
    socket.on('data', (bytes) => (this.came = Buffer.concat([this.came, bytes])));
  }

  static async meet(): Promise<Peer> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const options = resolveRedisOptions(`redis://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const client = new Client(options.addresses[0]!, options);
    const [socket] = (await once(server, 'connection')) as [Socket];
    onTestFinished(() => {
      client.destroy(new Error('The test is over'));
      socket.destroy();
      server.close();
    });
    return new Peer(client, socket);
  }

  /** Until exactly these bytes have come since the last time. */
  async expect(bytes: string | Buffer): Promise<void> {
    const expected = Buffer.from(bytes);
    await vi.waitFor(() => expect(this.came.length).toBeGreaterThanOrEqual(expected.length), patient);
    expect(this.came).toEqual(expected);
    this.came = Buffer.alloc(0);
  }

  answer(text: string): void {
    this.socket.write(text);
  }

  hangUp(): void {
    this.socket.destroy();
  }
}

it('answers find their commands, and one that is refused fails alone', async () => {
  const peer = await Peer.meet();
  const replies = ['A', 'B', 'C'].map((name) => peer.client.send([name]));
  const settled = Promise.allSettled(replies);
  await peer.expect('*1\r\n$1\r\nA\r\n*1\r\n$1\r\nB\r\n*1\r\n$1\r\nC\r\n');
  peer.answer(':1\r\n-ERR no\r\n$1\r\nc\r\n');
  expect(await settled).toEqual([
    { status: 'fulfilled', value: 1 },
    { status: 'rejected', reason: new ReplyError('ERR no') },
    { status: 'fulfilled', value: Buffer.from('c') },
  ]);
});

it('more are under way than it drops at once, and each gets its own answer', async () => {
  const peer = await Peer.meet();
  const count = 5_000;
  const replies = Array.from({ length: count }, () => peer.client.send(['A']));
  await peer.expect('*1\r\n$1\r\nA\r\n'.repeat(count));
  const numbers = Array.from({ length: count }, (_, n) => n);
  peer.answer(numbers.map((n) => `:${n}\r\n`).join(''));
  expect(await Promise.all(replies)).toEqual(numbers);
});

it('what was sent goes out before the end, and nobody waits for its answer', async () => {
  const peer = await Peer.meet();
  const lost = vi.fn<(cause: unknown) => void>();
  peer.client.lost = lost;
  const sent = ['A', 'B'].map((name) => peer.client.send([name]));
  peer.client.end(new Error('It is over'));
  await expect(Promise.all(sent)).rejects.toThrow('It is over');
  await peer.expect('*1\r\n$1\r\nA\r\n*1\r\n$1\r\nB\r\n');
  peer.answer('+1\r\n');
  await peer.ended;
  expect(lost).toHaveBeenCalledTimes(1);
  await expect(peer.client.send(['C'])).rejects.toThrow('It is over');
});

it('arguments are any text and any bytes', async () => {
  const peer = await Peer.meet();
  const all = Uint8Array.from({ length: 258 }, (_, byte) => byte);
  void peer.client.send(['é€😀', '', all.subarray(1, 257)]).catch(() => {});
  const text = Buffer.from('é€😀');
  await peer.expect(
    Buffer.concat([
      Buffer.from(`*3\r\n$${text.length}\r\n`),
      text,
      Buffer.from('\r\n$0\r\n\r\n$256\r\n'),
      all.subarray(1, 257),
      Buffer.from('\r\n'),
    ]),
  );
});

it('channels are heard once Redis has confirmed each, and messages reach the listener', async () => {
  const peer = await Peer.meet();
  const heard: string[] = [];
  peer.client.hear({
    message: (channel, message) => heard.push(`${channel} ${message.toString()}`),
    ended: (channel) => heard.push(`${channel} ended`),
  });
  let listening = false;
  const done = peer.client.listen('subscribe', ['é', 'b', 'b']).then(() => (listening = true));
  await peer.expect('*3\r\n$9\r\nsubscribe\r\n$2\r\né\r\n$1\r\nb\r\n');
  peer.answer('*3\r\n$9\r\nsubscribe\r\n$2\r\né\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$2\r\né\r\n$3\r\none\r\n');
  await vi.waitFor(() => expect(heard).toEqual(['é one']), patient);
  expect(listening).toBe(false);
  peer.answer('*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n');
  await done;
});

it('a subscription that Redis ends is told, while another is being made, too', async () => {
  const peer = await Peer.meet();
  const ended: string[] = [];
  peer.client.hear({ message: () => {}, ended: (channel) => ended.push(channel) });
  const done = peer.client.listen('ssubscribe', ['b']);
  const refused = peer.client.listen('ssubscribe', ['c']);
  peer.answer('*3\r\n$12\r\nsunsubscribe\r\n$1\r\na\r\n:0\r\n*3\r\n$10\r\nssubscribe\r\n$1\r\nb\r\n:1\r\n');
  await done;
  expect(ended).toEqual(['a']);
  peer.answer('-MOVED 1 127.0.0.1:1\r\n');
  await expect(refused).rejects.toThrow('MOVED');
});

it.each([
  ['hangs up', (peer: Peer) => peer.hangUp(), /closed unexpectedly|ECONNRESET/, 'rejected'],
  ['speaks otherwise', (peer: Peer) => peer.answer('HTTP/1.1 400\r\n'), /not the protocol/, 'rejected'],
  [
    'says more than it was asked',
    (peer: Peer) => peer.answer('+1\r\n+2\r\n'),
    /answer to nothing/,
    'fulfilled',
  ],
])('when the other end %s, what waits fails, and the end is told once', async (_, act, why, status) => {
  const peer = await Peer.meet();
  const lost: unknown[] = [];
  peer.client.lost = (cause) => lost.push(cause);
  const settled = Promise.allSettled([peer.client.send(['A'])]);
  await peer.expect('*1\r\n$1\r\nA\r\n');
  act(peer);
  expect(await settled).toMatchObject([{ status }]);
  await vi.waitFor(() => expect(lost).toHaveLength(1), patient);
  expect(String(lost[0])).toMatch(why);
  expect(peer.client.cause).toBe(lost[0]);
  await expect(peer.client.send(['B'])).rejects.toBe(lost[0]);
});
