import { describe, expect, it } from 'vitest';
import type { WebSocketLike } from '../../src/client/dialer.ts';
import type { EngineHost, EngineSocket } from '../../src/server/engine.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { VirtualNetwork, type VirtualConnection } from '../../src/testing/virtual-network.ts';

/** One line between a client's socket and a server's, both in the test's hand. */
async function line(admit = true) {
  const clock = new VirtualClock();
  const network = new VirtualNetwork(clock, seededRandom(1));
  network.quality = { latencyMs: 10, jitterMs: 0, bytesPerMs: 1 };
  const events: string[] = [];
  const note = (event: string): void => void events.push(event);
  const began = clock.nowMs();
  const at = (): number => clock.nowMs() - began;
  const server: { socket?: EngineSocket } = {};
  const host: EngineHost = {
    messageBytesMax: 1_000,
    handshakeTimeoutMs: 1_000,
    admit: () => (admit ? undefined : { status: 503, text: 'No.' }),
    open(socket) {
      server.socket = socket;
      note(`server opened at ${at()}`);
      return {
        handleMessage: (bytes) => note(`server got ${bytes.length} at ${at()}`),
        handleDrain: () => note(`server drained at ${at()}`),
        handleClose: (code) => note(`server closed with ${code} at ${at()}`),
      };
    },
    answer: () => ({ status: 200, headers: {}, text: '' }),
  };
  await network.engine(clock.process())(host).listen(1, undefined);
  const client: WebSocketLike = network.dialer('me', clock.process())('ws://virtual:1/', []);
  client.onopen = () => note(`client opened at ${at()}`);
  client.onmessage = ({ data }: { data: Uint8Array }) => note(`client got ${data.length} at ${at()}`);
  client.onclose = ({ code }: { code: number }) => note(`client closed with ${code} at ${at()}`);
  const connection: VirtualConnection = network.of('me')[0]!;
  const take = (): string[] => events.splice(0);
  return { clock, client, server, connection, take };
}

describe('a virtual line', () => {
  it('takes its latency each way, and its time for each byte', async () => {
    const { clock, client, server, take } = await line();
    await clock.advance(50);
    expect(take()).toEqual(['server opened at 10', 'client opened at 20']);
    client.send(new Uint8Array(30));
    expect(client.bufferedAmount).toBe(30);
    await clock.advance(50);
    expect(take()).toEqual(['server got 30 at 90']);
    expect(client.bufferedAmount).toBe(0);
    server.socket!.send(new Uint8Array(2_000));
    await clock.advance(3_000);
    expect(take()).toEqual(['server drained at 2100', 'client got 2000 at 2110']);
  });

  it('refuses where nobody listens, or the host does not admit', async () => {
    const { clock, take } = await line(false);
    await clock.advance(1_000);
    expect(take()).toEqual(['client closed with 1006 at 20']);
  });

  it('is cut for both at once, and what was under way is lost', async () => {
    const { clock, client, connection, take } = await line();
    await clock.advance(50);
    take();
    client.send(new Uint8Array(1));
    connection.cut();
    await clock.advance(1_000);
    expect(take()).toEqual(['client closed with 1006 at 50', 'server closed with 1006 at 50']);
  });

  it('a black hole keeps everything, and tells nobody, until it heals', async () => {
    const { clock, client, connection, take } = await line();
    await clock.advance(50);
    take();
    connection.blackHole();
    client.send(new Uint8Array(1));
    client.send(new Uint8Array(2));
    await clock.advance(60_000);
    expect(take()).toEqual([]);
    connection.heal();
    await clock.advance(100);
    expect(take()).toEqual(['server got 1 at 60060', 'server got 2 at 60060']);
  });

  it('carries closes in order behind the data', async () => {
    const { clock, client, server, take } = await line();
    await clock.advance(50);
    take();
    server.socket!.send(new Uint8Array(5));
    server.socket!.close(4010, 'Moving.');
    await clock.advance(1_000);
    expect(take()).toEqual([
      'client got 5 at 65',
      'client closed with 4010 at 65',
      'server closed with 4010 at 75',
    ]);
    client.send(new Uint8Array(1));
    await clock.advance(1_000);
    expect(take()).toEqual([]);
  });
});
