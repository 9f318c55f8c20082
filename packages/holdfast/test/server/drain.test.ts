import { EventEmitter } from 'node:events';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { drainOnSignal, type SignalSource } from '../../src/server/drain-on-signal.ts';
import { deferred } from './fixture.ts';
import { VirtualNode } from './virtual-node.ts';

/** A process that notes its end instead of ending. */
function fakeProcess(): { source: SignalSource; signal: (name: string) => void; codes: number[] } {
  const emitter = new EventEmitter();
  const codes: number[] = [];
  const exit = (code: number): void => void codes.push(code);
  const source = Object.assign(emitter, { exit }) as unknown as SignalSource;
  return { source, signal: (name) => void emitter.emit(name, name), codes };
}

const silent = { info() {}, warn() {} };

describe('a process that is asked to end', () => {
  it('[DRAIN-3] drains, closes, and ends with code 0, in this order and within the deadline', async () => {
    const { source, signal, codes } = fakeProcess();
    const done: string[] = [];
    const drained = deferred();
    const server = {
      async drain({ deadlineMs }: { deadlineMs: number }) {
        done.push(`drain within ${deadlineMs}`);
        await drained.promise;
      },
      close: async () => void done.push('close'),
    };
    drainOnSignal(server, silent, { deadlineMs: 10_000 }, source);
    signal('SIGHUP');
    expect(done).toEqual([]);
    signal('SIGTERM');
    expect(done).toEqual(['drain within 7000']);
    expect(codes).toEqual([]);
    drained.resolve();
    await vi.waitFor(() => expect(codes).toEqual([0]));
    expect(done).toEqual(['drain within 7000', 'close']);
  });

  it('[DRAIN-3] ends at once with a second signal, or when closing fails', async () => {
    const stuck = { drain: () => new Promise<void>(() => {}), close: async () => {} };
    const { source, signal, codes } = fakeProcess();
    drainOnSignal(stuck, silent, { signals: ['SIGTERM', 'SIGINT'] }, source);
    signal('SIGTERM');
    signal('SIGINT');
    expect(codes).toEqual([1]);

    const broken = { drain: async () => {}, close: () => Promise.reject(new Error('disk full')) };
    const other = fakeProcess();
    const lines: string[] = [];
    drainOnSignal(broken, { ...silent, warn: (line) => void lines.push(line) }, {}, other.source);
    other.signal('SIGTERM');
    await vi.waitFor(() => expect(other.codes).toEqual([1]));
    expect(lines).toEqual(['Holdfast: the server could not be closed: Error: disk full']);
  });

  it('[DRAIN-3] takes a deadline beyond what a timer can bear for the longest, not for none', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { source, signal, codes } = fakeProcess();
    const stuck = { drain: () => new Promise<void>(() => {}), close: async () => {} };
    drainOnSignal(stuck, silent, { deadlineMs: 1e11 }, source);
    signal('SIGTERM');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(codes).toEqual([]);
  });

  it('[DRAIN-3] no longer listens once the listener was taken away', () => {
    const { source, signal, codes } = fakeProcess();
    const server = { drain: vi.fn<() => Promise<void>>(), close: vi.fn<() => Promise<void>>() };
    drainOnSignal(server, silent, {}, source)();
    signal('SIGTERM');
    expect(server.drain).not.toHaveBeenCalled();
    expect(codes).toEqual([]);
  });
});

describe('a draining node', () => {
  it('[DRAIN-1] gives each client a slot of its own, spread over four return windows', async () => {
    const node = await VirtualNode.start({ handshakesPerSecond: 10 });
    const peers = [];
    for (let i = 0; i < 8; i++) peers.push(await node.dial());
    void node.server.drain({ deadlineMs: 30_000 });
    await node.clock.advance(10);
    const slots = peers.map((peer) => peer.ofType('go-away')[0]!.reconnectInMs);
    expect(slots).toEqual([0, 572, 1_143, 1_715, 2_286, 2_858, 3_429, 4_001]);
    expect((await node.dial()).end, 'nobody is let in any more').toMatchObject({ code: 1006 });
  });

  it('[DRAIN-2] closes at the deadline who has not moved', async () => {
    const node = await VirtualNode.start();
    const peer = await node.dial();
    const drained = node.server.drain({ deadlineMs: 5_000 });
    await node.clock.advance(4_900);
    expect(peer.end).toBeUndefined();
    await node.clock.advance(200);
    expect(peer.end).toMatchObject({ code: 4010 });
    await drained;
  });
});
