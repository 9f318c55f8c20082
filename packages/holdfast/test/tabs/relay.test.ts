import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  CHANNELS_MAX,
  decodeShared,
  encodeEnd,
  encodeShared,
  SHARED_PROTOCOL,
} from '../../src/protocol/shared.ts';
import { openChannel, tunnelName, type TunnelMessage } from '../../src/tabs/messages.ts';
import { Relay } from '../../src/tabs/relay.ts';

/** A WebSocket whose other end is the test. */
class FakeSocket {
  static all: FakeSocket[] = [];
  readonly protocols: string[];
  readonly sent: ReturnType<typeof decodeShared>[] = [];
  bufferedAmount = 0;
  isClosed = false;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: ArrayBuffer }) => void) | null = null;
  onclose: ((event: { code: number; reason: string }) => void) | null = null;

  constructor(_url: string, protocols: string[]) {
    this.protocols = protocols;
    FakeSocket.all.push(this);
  }

  send(bytes: Uint8Array): void {
    this.sent.push(decodeShared(bytes));
  }

  say(bytes: Uint8Array): void {
    this.onmessage?.({ data: Uint8Array.from(bytes).buffer });
  }

  close(): void {
    this.isClosed = true;
  }
}

beforeEach(() => {
  FakeSocket.all = [];
  vi.stubGlobal('WebSocket', FakeSocket);
});
afterEach(() => void vi.unstubAllGlobals());

const url = 'ws://server/';
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A leader, and tabs that end when the test says so. */
function lead() {
  const ends = new Map<string, () => void>();
  const relay = new Relay('leader', (tab) => new Promise((resolve) => ends.set(tab, resolve)));
  let count = 0;
  /** A tab's end of a tunnel, and what came out of it. */
  const dial = (client: string) => {
    const tunnel = `${Math.random()}:${++count}`;
    relay.dial({ type: 'dial', tab: `tab of ${client}`, client, tunnel, url });
    const channel = openChannel<TunnelMessage>(tunnelName(tunnel, 'leader'));
    onTestFinished(() => channel.close());
    const heard: TunnelMessage[] = [];
    channel.onmessage = ({ data }) => heard.push(data);
    const hears = (type: TunnelMessage['type']) =>
      vi.waitFor(() => expect(heard.map((message) => message.type)).toContain(type), { timeout: 10_000 });
    const enter = async (): Promise<void> => {
      channel.postMessage({ type: 'ready' });
      await hears('buffered');
    };
    const say = (text: string): void => channel.postMessage({ type: 'bytes', bytes: bytesOf(text) });
    return { channel, heard, hears, enter, say };
  };
  onTestFinished(() => relay.close());
  return { relay, dial, ends };
}

const sent = (socket: FakeSocket) =>
  socket.sent.map((message) =>
    message?.type === 'bytes'
      ? [message.channel, new TextDecoder().decode(message.bytes)]
      : [message?.channel, message?.type],
  );

describe('a leader', () => {
  it('[TAB-1] numbers channels in the order in which they speak, not in which they were asked for', async () => {
    const { dial } = lead();
    const [a, b] = [dial('a'), dial('b')];
    const socket = FakeSocket.all[0]!;
    expect(socket.protocols).toContain(SHARED_PROTOCOL);
    await Promise.all([a.enter(), b.enter()]);
    socket.onopen!();
    await Promise.all([a.hears('open'), b.hears('open')]);
    b.say('b');
    await vi.waitFor(() => expect(socket.sent).toHaveLength(1));
    a.say('a');
    await vi.waitFor(() =>
      expect(sent(socket)).toEqual([
        [1, 'b'],
        [2, 'a'],
      ]),
    );
    socket.say(encodeShared(2, bytesOf('for a')));
    await a.hears('bytes');
    expect(b.heard.map(({ type }) => type)).not.toContain('bytes');
    expect(FakeSocket.all).toHaveLength(1);
  });

  it('[TAB-4] gives a client that dials beside its own channel another connection, which the next ones join', async () => {
    const { dial } = lead();
    const [a, b] = [dial('a'), dial('b')];
    await Promise.all([a.enter(), b.enter()]);
    dial('a');
    expect(FakeSocket.all).toHaveLength(2);
    dial('b');
    dial('c');
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('[TAB-4] lets nobody join a connection on which a client has waited in vain, until something comes over it', async () => {
    const { dial } = lead();
    const [a, b] = [dial('a'), dial('b')];
    await Promise.all([a.enter(), b.enter()]);
    a.channel.postMessage({ type: 'end', code: 1005, reason: '' });
    await vi.waitFor(() => {
      dial('c');
      expect(FakeSocket.all).toHaveLength(2);
    });
    const [given, other] = FakeSocket.all;
    other!.onclose!({ code: 1006, reason: '' });
    dial('d');
    expect(FakeSocket.all).toHaveLength(3);
    FakeSocket.all[2]!.onclose!({ code: 1006, reason: '' });
    given!.onopen!();
    b.say('b');
    await vi.waitFor(() => expect(given!.sent).toHaveLength(1));
    given!.say(encodeShared(1, bytesOf('for b')));
    dial('e');
    expect(FakeSocket.all).toHaveLength(3);
    // Whoever leaves what answers, because the server asked for it, says nothing against it.
    b.channel.postMessage({ type: 'end', code: 1005, reason: '' });
    await vi.waitFor(() => expect(given!.sent.at(-1)).toMatchObject({ type: 'end' }));
    dial('f');
    expect(FakeSocket.all).toHaveLength(3);
  });

  it('takes a client that asks again before it has entered for the same, and opens no other connection', async () => {
    const { dial } = lead();
    dial('a');
    const again = dial('a');
    await again.enter();
    expect(FakeSocket.all).toHaveLength(1);
    expect(FakeSocket.all[0]!.isClosed).toBe(false);
  });

  it('[TAB-2] ends a channel with its tab, and the connection with the last', async () => {
    const { dial, ends } = lead();
    const [a, b] = [dial('a'), dial('b')];
    const socket = FakeSocket.all[0]!;
    await Promise.all([a.enter(), b.enter()]);
    socket.onopen!();
    a.say('a');
    b.say('b');
    await vi.waitFor(() => expect(socket.sent).toHaveLength(2));
    const numberOfA = sent(socket).find(([, text]) => text === 'a')![0];
    ends.get('tab of a')!();
    await vi.waitFor(() => expect(sent(socket).at(-1)).toEqual([numberOfA, 'end']));
    expect(socket.isClosed).toBe(false);
    b.channel.postMessage({ type: 'end', code: 1000, reason: '' });
    await vi.waitFor(() => expect(socket.isClosed).toBe(true));
    expect(socket.sent.at(-1)).toMatchObject({ type: 'end', code: 1000 });
    dial('c');
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('passes on how a channel or the connection ended', async () => {
    const { dial } = lead();
    const [a, b] = [dial('a'), dial('b')];
    const socket = FakeSocket.all[0]!;
    await Promise.all([a.enter(), b.enter()]);
    socket.onopen!();
    a.say('a');
    await vi.waitFor(() => expect(socket.sent).toHaveLength(1));
    socket.say(encodeEnd(1, 4004, 'elsewhere'));
    await a.hears('end');
    expect(a.heard.at(-1)).toMatchObject({ code: 4004, reason: 'elsewhere' });
    socket.onclose!({ code: 1006, reason: '' });
    await b.hears('end');
    expect(b.heard.at(-1)).toEqual({ type: 'end', code: 1006, reason: '' });
  });

  it('[TAB-5] says that a server does not share, when it can’t read the first message or is not read', async () => {
    const { dial } = lead();
    const a = dial('a');
    await a.enter();
    FakeSocket.all[0]!.onclose!({ code: 4000, reason: 'what?' });
    await a.hears('end');
    expect(a.heard.at(-1)).toMatchObject({ type: 'end', unshared: true });
    const b = dial('b');
    await b.enter();
    FakeSocket.all[1]!.say(new Uint8Array([1]));
    await b.hears('end');
    expect(b.heard.at(-1)).toMatchObject({ type: 'end', unshared: true });
  });

  it('[LIVE-1] tells tabs what the connection has not yet sent', async () => {
    const { dial } = lead();
    const a = dial('a');
    const socket = FakeSocket.all[0]!;
    await a.enter();
    socket.onopen!();
    socket.bufferedAmount = 500;
    a.say('long');
    await vi.waitFor(() => expect(a.heard.at(-1)).toEqual({ type: 'buffered', bytes: 500 }), {
      timeout: 10_000,
    });
    socket.bufferedAmount = 0;
    await vi.waitFor(() => expect(a.heard.at(-1)).toEqual({ type: 'buffered', bytes: 0 }), {
      timeout: 10_000,
    });
  });

  it('[TAB-1] opens another connection when one has all the channels that it may have', async () => {
    const { dial } = lead();
    for (let n = 1; n <= CHANNELS_MAX; n++) dial(`client ${n}`);
    expect(FakeSocket.all).toHaveLength(1);
    dial('one more');
    expect(FakeSocket.all).toHaveLength(2);
  });
});
