import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { openChannel, type RoomMessage } from '../../src/tabs/messages.ts';
import { Room } from '../../src/tabs/room.ts';
import { FakeLocks } from './fake-locks.ts';

const patient = { timeout: 10_000 };
let locks: FakeLocks;
let page: EventTarget & { hidden: boolean };
let dialled: string[];

class FakeSocket {
  bufferedAmount = 0;
  onopen: (() => void) | null = null;
  constructor(url: string) {
    dialled.push(url);
    queueMicrotask(() => this.onopen?.());
  }
  send(): void {}
  close(): void {}
}

beforeEach(() => {
  locks = new FakeLocks();
  page = Object.assign(new EventTarget(), { hidden: false });
  dialled = [];
  vi.stubGlobal('navigator', { locks });
  vi.stubGlobal('document', page);
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  vi.stubGlobal('WebSocket', FakeSocket);
});
afterEach(() => void vi.unstubAllGlobals());

/** A room with one tab, what it says to others, and a socket of it. */
function openRoom(name: string = crypto.randomUUID(), answerMs = 100) {
  const room = new Room(name, { answerMs, pingMs: 100 });
  const channel = openChannel<RoomMessage>(name);
  const heard: RoomMessage[] = [];
  channel.onmessage = ({ data }) => heard.push(data);
  onTestFinished(() => channel.close());
  const hears = <T extends RoomMessage['type']>(type: T): Promise<RoomMessage & { type: T }> =>
    vi.waitFor(() => {
      const message = heard.find((one) => one.type === type);
      if (!message) throw new Error(`It has not said "${type}" yet.`);
      return message as RoomMessage & { type: T };
    }, patient);
  const dial = () => {
    const socket = room.dial('ws://server/', [], crypto.randomUUID());
    const seen: unknown[] = [];
    socket.onopen = (() => seen.push('open')) as never;
    socket.onclose = (({ code }: { code: number }) => seen.push(code)) as never;
    return seen;
  };
  const forget = (): void => void heard.splice(0);
  return { name, room, channel, heard, hears, dial, forget };
}

/** The lock of the room, held by somebody who says nothing. */
function holdLock(name: string): void {
  void locks.request(name, () => new Promise(() => {})).catch(() => {});
}

describe('a tab in its room', () => {
  it('[TAB-3] leads when nobody does, and dials for itself', async () => {
    const { dial, hears } = openRoom();
    const seen = dial();
    await hears('leads');
    await vi.waitFor(() => expect(seen).toEqual(['open']), patient);
    expect(dialled).toEqual(['ws://server/']);
  });

  it('[TAB-3] asks the leader, and takes the lock from one that does not answer', async () => {
    const name = crypto.randomUUID();
    holdLock(name);
    const { dial, hears } = openRoom(name);
    const seen = dial();
    await hears('dial');
    expect(dialled).toEqual([]);
    await hears('leads');
    await vi.waitFor(() => expect(seen).toEqual(['open']), patient);
  });

  it('[TAB-3] leaves the lock with a leader that answers', async () => {
    const name = crypto.randomUUID();
    holdLock(name);
    const { dial, channel, heard } = openRoom(name, 3_000);
    const by = { id: 'other', term: Date.now() };
    channel.onmessage = ({ data }) => {
      heard.push(data);
      if (data.type === 'ping' || data.type === 'dial') channel.postMessage({ type: 'leads', by });
    };
    dial();
    await vi.waitFor(
      () => expect(heard.filter(({ type }) => type === 'ping').length).toBeGreaterThan(5),
      patient,
    );
    expect(heard.some(({ type }) => type === 'leads')).toBe(false);
    expect(dialled).toEqual([]);
  });

  it('[TAB-3] gives way to a leader of a later term, and not to one of an earlier', async () => {
    const { dial, hears, channel, heard, forget, name } = openRoom();
    const seen = dial();
    const { by } = await hears('leads');
    await vi.waitFor(() => expect(seen).toEqual(['open']), patient);
    channel.postMessage({ type: 'leads', by: { id: 'stale', term: by.term - 1 } });
    channel.postMessage({ type: 'ping' });
    await vi.waitFor(() => expect(heard.filter(({ type }) => type === 'leads').length).toBe(2), patient);
    expect(seen).toEqual(['open']);
    forget();
    holdLock(name);
    channel.postMessage({ type: 'leads', by: { id: 'newer', term: by.term + 1 } });
    await vi.waitFor(() => expect(seen).toEqual(['open', 1006]), patient);
    channel.postMessage({ type: 'ping' });
    expect(heard.some(({ type }) => type === 'leads')).toBe(false);
  });

  it('[TAB-3] resigns when it is frozen, and is back when it is resumed', async () => {
    const { dial, hears, name } = openRoom();
    const seen = dial();
    await hears('leads');
    await vi.waitFor(() => expect(seen).toEqual(['open']), patient);
    page.dispatchEvent(new Event('freeze'));
    expect(seen).toEqual(['open', 1006]);
    await hears('resigned');
    await vi.waitFor(() => expect(locks.isHeld(name)).toBe(false), patient);
    const again = dial();
    page.dispatchEvent(new Event('resume'));
    await vi.waitFor(() => expect(again).toEqual(['open']), patient);
  });

  it('[TAB-5] shares with nobody where locks are forbidden', async () => {
    locks.isForbidden = true;
    const { dial } = openRoom();
    const seen = dial();
    await vi.waitFor(() => expect(seen).toEqual([1006]), patient);
    dial();
    expect(dialled).toEqual(['ws://server/']);
  });
});
