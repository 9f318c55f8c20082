import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { blockKey, sessionKey, topicKey } from '../../src/server/logs/lmdb/keys.ts';
import { lmdbLog } from '../../src/server/logs/lmdb/lmdb.ts';
import { encodeTopic } from '../../src/server/logs/lmdb/records.ts';
import { SessionMemory } from '../../src/server/logs/lmdb/session-memory.ts';
import { describeLog, describeSharedLog, LogSubject } from '../../src/testing/contracts.ts';
import { numbered, textOf } from '../../src/testing/contracts/log-subject.ts';

const runner = { describe, it: (title: string, body: () => Promise<void>) => it(title, body, 30_000) };
const folders = mkdtempSync(join(tmpdir(), 'holdfast-lmdb-'));
afterAll(() => rmSync(folders, { recursive: true }));
let made = 0;

function freshFolder(): string {
  return join(folders, String(++made));
}

describeLog('LMDB', () => lmdbLog(freshFolder()), runner);

describeSharedLog(
  'LMDB',
  () => {
    const folder = freshFolder();
    return { log: () => lmdbLog(folder), destroy: () => rmSync(folder, { recursive: true }) };
  },
  runner,
);

/** A closed log with so many kilobytes of messages. */
async function filled(kilobytes: number): Promise<string> {
  const folder = freshFolder();
  const subject = await LogSubject.open(lmdbLog(folder), {});
  await Promise.all(Array.from({ length: kilobytes }, (_, n) => subject.append('t', String(n).repeat(500))));
  await subject.log.close();
  return folder;
}

async function refusal(folder: string): Promise<string> {
  return LogSubject.open(lmdbLog(folder), {}).then(
    async (subject) => {
      await subject.log.close();
      return 'opened';
    },
    (error: Error) => error.message,
  );
}

function overwrite(folder: string, position: number, bytes: Uint8Array): void {
  const file = openSync(join(folder, 'data.mdb'), 'r+');
  writeSync(file, bytes, 0, bytes.length, position);
  closeSync(file);
}

describe('an LMDB log that cannot be opened says so, with the cause and the fix', () => {
  it('a file that is no LMDB file', async () => {
    for (const text of ['hello', 'not LMDB '.repeat(10_000)]) {
      const folder = freshFolder();
      mkdirSync(folder);
      writeFileSync(join(folder, 'data.mdb'), text);
      expect(await refusal(folder)).toMatch(/is damaged: its data.mdb does not begin as LMDB’s do.*Restore/);
    }
  });

  it('roots that were overwritten', async () => {
    const folder = await filled(10);
    overwrite(folder, 0, Buffer.alloc(8_192, 0xff));
    expect(await refusal(folder)).toMatch(/is damaged.*Restore/);
  });

  it('pages that were overwritten', async () => {
    const folder = await filled(1_000);
    overwrite(folder, 8_192, Buffer.alloc(statSync(join(folder, 'data.mdb')).size - 8_192, 0xa7));
    expect(await refusal(folder)).toMatch(/is damaged.*Restore/);
  });

  it('a file that was cut off', async () => {
    const folder = await filled(2_000);
    truncateSync(join(folder, 'data.mdb'), 1_048_576);
    expect(await refusal(folder)).toMatch(/is damaged: its file ended after 1048576 bytes.*Restore/);
  });

  it('another program’s file, and one of a later version', async () => {
    const [foreign, later] = [freshFolder(), freshFolder()];
    const theirs = open({ path: foreign });
    await theirs.put('key', 'value');
    await theirs.close();
    expect(await refusal(foreign)).toMatch(/belongs to another program.*folder of its own/);

    const ours = open<Buffer, Buffer>({ path: later, encoding: 'binary', keyEncoding: 'binary' });
    await ours.put(Buffer.from([1, 0]), Buffer.from('{"format":"holdfast log","version":2}'));
    await ours.close();
    expect(await refusal(later)).toMatch(/has version 2 of its format.*knows version 1/);
  });

  it('a path that is no folder, or can be none', async () => {
    const file = freshFolder();
    writeFileSync(file, '');
    expect(await refusal(file)).toMatch(/is not a folder.*Give the path of a folder/);
    expect(await refusal(join(file, 'below'))).toMatch(/is not a folder/);
    if (process.platform === 'linux') expect(await refusal('/proc/log')).toMatch(/cannot be made.*Choose/);
    expect(() => lmdbLog('')).toThrow(/wants the path of a folder/);
  });
});

describe('the LMDB log beyond the port', () => {
  it('[SUB-4] what the disk has altered is an error, and no message', async () => {
    const folder = freshFolder();
    const subject = await LogSubject.open(lmdbLog(folder), {});
    await subject.add('t', 'a'.repeat(3_000_000));
    await subject.log.close();
    overwrite(folder, 2_000_000, Buffer.from('b'));
    const again = await LogSubject.open(lmdbLog(folder), { retention: { countMax: 1 } });
    await expect(again.kept('t')).rejects.toThrow(/its file is damaged/);
    // It goes with the rest, and appends do not mind.
    await again.add('t', 'two');
    expect(await again.kept('t')).toEqual(['two']);
    await again.log.close();
  });

  it('[SUB-4, HUB-2] what was altered stops nobody: followers hear what comes after, with a hole before it', async () => {
    const folder = freshFolder();
    const subject = await LogSubject.open(lmdbLog(folder), {});
    const follower = await subject.follow('t');
    // Another process has added a message, and the disk has altered it before anybody here heard of it.
    const { nowMs } = subject;
    const record = { top: 1, trimmedThrough: 0, bytes: 1, oldestAtMs: nowMs, newestAtMs: nowMs };
    const program = `
      import { open } from 'lmdb';
      const tree = open({ path: ${JSON.stringify(folder)}, encoding: 'binary', keyEncoding: 'binary' });
      const bytes = (text) => Buffer.from(text, 'base64');
      await tree.transaction(() => {
        tree.put(bytes('${blockKey('t', 1).toString('base64')}'), bytes('AAAA'));
        tree.put(bytes('${topicKey('t').toString('base64')}'),
          bytes('${Buffer.from(encodeTopic(record)).toString('base64')}'));
      });
      await tree.close();`;
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
    await subject.add('t', 'two');
    await subject.add('t', 'three');
    await follower.until('three');
    expect(follower.messages.map(({ offset, previous }) => [previous, offset])).toEqual([
      [1, 2],
      [2, 3],
    ]);
    await expect(subject.kept('t')).rejects.toThrow(/its file is damaged/);
    await subject.log.close();
  });

  it('[SUB-4] a transaction that fails leaves nothing of what it did', async () => {
    const folder = freshFolder();
    const before = await LogSubject.open(lmdbLog(folder), {});
    const [first] = await before.addAll('t', numbered(6));
    await before.add('u', 'one', 'session', 1);
    await before.log.close();
    const tree = open<Buffer, Buffer>({ path: folder, encoding: 'binary', keyEncoding: 'binary' });
    await tree.put(sessionKey('session'), Buffer.from([0x80]));
    await tree.close();
    const subject = await LogSubject.open(lmdbLog(folder), { retention: { countMax: 2 } });
    const trimmed = subject.log.trim();
    // The upkeep is asked for, and what fails behind it, before the one transaction for both begins.
    for (let i = 0; i < 50; i++) await Promise.resolve();
    const failed = subject.append('u', 'two', 'session', 2);
    await expect(failed).rejects.toThrow(/a session that cannot be read/);
    await expect(trimmed, 'in the same transaction').rejects.toThrow(/a session that cannot be read/);
    const { gap, entries } = await subject.read('t', first!);
    expect({ gap, texts: entries.map(({ payload }) => textOf(payload)) }).toEqual({
      gap: undefined,
      texts: numbered(5, 2),
    });
    await subject.log.close();
  });

  it.skipIf(process.platform === 'win32')('[RES-2] the key is nobody else’s to read', async () => {
    const folder = await filled(1);
    for (const path of [folder, join(folder, 'data.mdb')]) expect(statSync(path).mode & 0o077, path).toBe(0);
  });

  it('[AUTH-5] a name that is too long fails alone', async () => {
    const subject = await LogSubject.open(lmdbLog(freshFolder()), {});
    const [long, short] = await Promise.allSettled(
      ['€'.repeat(700), 't'].map((topic) => subject.add(topic, 'one')),
    );
    expect(long).toMatchObject({
      status: 'rejected',
      reason: { message: expect.stringMatching('1900 bytes') },
    });
    expect(short!.status).toBe('fulfilled');
    await subject.add('€'.repeat(600), 'one');
    expect(await subject.kept('€'.repeat(600))).toEqual(['one']);
    await subject.log.close();
  });

  it('[FLOW-2] a topic of thousands of messages is trimmed in steps, to what its retention covers', async () => {
    const folder = freshFolder();
    const before = await LogSubject.open(lmdbLog(folder), {});
    for (const text of numbered(300)) await before.add('t', text);
    await before.log.close();
    const subject = await LogSubject.open(lmdbLog(folder), { retention: { countMax: 10 } });
    await subject.log.trim();
    expect(await subject.kept('t')).toEqual(numbered(10, 291));
    await subject.log.close();
  });

  it('[FLOW-2] a topic that gets many messages at once keeps its bounds without the upkeep', async () => {
    const folder = freshFolder();
    const subject = await LogSubject.open(lmdbLog(folder), { retention: { countMax: 10 } });
    const sizes: number[] = [];
    for (let round = 0; round < 20; round++) {
      await Promise.all(numbered(200).map((text) => subject.add('t', text.padEnd(2_000))));
      sizes.push(statSync(join(folder, 'data.mdb')).size);
    }
    expect(await subject.kept('t')).toHaveLength(10);
    expect(sizes[19], 'what is freed is used again').toBeLessThan(sizes[4]! * 1.5);
    await subject.log.close();
  });

  it('[SUB-5] an empty topic is forgotten after a month, and goes on above all tops that were', async () => {
    const subject = await LogSubject.open(lmdbLog(freshFolder()), { retention: { ageMaxMs: 1_000 } });
    await subject.addAll('t', numbered(5));
    subject.nowMs += 24 * 3_600_000;
    await subject.log.trim();
    expect(await subject.kept('t')).toEqual([]);
    expect((await subject.log.top('never seen')).offset, 'the top is still known').toBe(0);
    subject.nowMs += 31 * 24 * 3_600_000;
    await subject.log.trim();
    expect((await subject.log.top('never seen')).offset).toBe(5);
    expect((await subject.add('t', 'again')).position.offset).toBe(6);
    await subject.log.close();
  });

  it('[PUB-3] a session’s sequences are forgotten a while after its last publish', async () => {
    const subject = await LogSubject.open(lmdbLog(freshFolder()), { dedupTtlMs: 1_000 });
    await subject.add('t', 'one', 'session', 1);
    await subject.log.trim();
    expect((await subject.append('t', 'one', 'session', 1)).status).toBe('duplicate');
    subject.nowMs += 1_001;
    await subject.log.trim();
    await subject.add('t', 'one', 'session', 1);
    await subject.log.close();
  });

  it('[HUB-2] what a node that was killed left behind is cleared away', async () => {
    const folder = freshFolder();
    const program = `
      import { lmdbLog } from ${JSON.stringify(new URL('../../src/server/logs/lmdb/lmdb.ts', import.meta.url))};
      const retention = { countMax: 10, bytesMax: 1_000, ageMaxMs: 60_000 };
      const log = lmdbLog(${JSON.stringify(folder)});
      await log.open({ retentionOf: () => retention, nowMs: Date.now, random: Math.random,
        dedupTtlMs: 60_000, dedupWindow: 8, heard: () => {} });
      await log.append('t', undefined, 0, Buffer.from('from the dead'));
      process.kill(process.pid, 'SIGKILL');`;
    const args = ['--import', 'tsx', '--input-type=module', '--eval', program];
    const { signal, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(signal, stderr).toBe('SIGKILL');
    expect(socketsIn(folder)).toHaveLength(1);
    const subject = await LogSubject.open(lmdbLog(folder), {});
    expect(await subject.kept('t')).toEqual(['from the dead']);
    expect(socketsIn(folder), 'only its own').toHaveLength(1);
    await subject.log.close();
    expect(socketsIn(folder)).toEqual([]);
  });

  it('[HUB-2] whoever dials in and talks nonsense is hung up on, and nobody else', async () => {
    const folder = freshFolder();
    const [a, b] = [await LogSubject.open(lmdbLog(folder), {}), await LogSubject.open(lmdbLog(folder), {})];
    const follower = await b.follow('t');
    for (const socket of socketsIn(folder)) {
      for (const bytes of [
        Buffer.alloc(5, 0xff),
        Buffer.from([0, 0, 0, 0, 9]),
        Buffer.from([0, 0, 0, 1, 1, 0x80]),
      ]) {
        const stranger = createConnection(join(folder, socket));
        const closed = new Promise((resolve) => stranger.once('close', resolve));
        stranger.resume().write(bytes);
        await closed;
      }
    }
    await a.add('t', 'one');
    await follower.until('one');
    await Promise.all([a.log.close(), b.log.close()]);
  });

  it('[HUB-2] a folder with a long path has its sockets elsewhere', async () => {
    const folder = join(freshFolder(), 'x'.repeat(120));
    const [a, b] = [await LogSubject.open(lmdbLog(folder), {}), await LogSubject.open(lmdbLog(folder), {})];
    expect(socketsIn(folder)).toEqual([]);
    const follower = await b.follow('t');
    await a.add('t', 'one');
    await follower.until('one');
    await Promise.all([a.log.close(), b.log.close()]);
  });

  it('[HUB-2] a place that holds no sockets is told, with what to do', async () => {
    const folder = join(freshFolder(), 'x'.repeat(120));
    vi.stubEnv('TMPDIR', join(folders, 'nowhere'));
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await refusal(folder)).toMatch(
      /^The log in .*x cannot be shared.* \(listen .*nowhere.*\) Choose a folder .*\.$/,
    );
  });

  it('[HUB-2] who was far behind hears the newest, and the chain shows that some are missing', async () => {
    const folder = freshFolder();
    const [a, b] = [await LogSubject.open(lmdbLog(folder), {}), await LogSubject.open(lmdbLog(folder), {})];
    const follower = await b.follow('t');
    await Promise.all(numbered(1_000).map((text) => a.add('t', text)));
    await follower.until('message 1000');
    const [first] = follower.messages;
    expect(first!.previous, 'more than the first few hundred were left out').toBe(first!.offset - 1);
    expect(first!.offset).toBeGreaterThan(1);
    await Promise.all([a.log.close(), b.log.close()]);
  });
});

describe('a session’s memory', () => {
  it('[PUB-3] knows the newest, through any number of readings and writings', () => {
    const window = 10;
    let bytes: Uint8Array | undefined;
    const appended = new Map<number, number>();
    let sequence = 0;
    for (let round = 0; round < 40; round++) {
      const memory = new SessionMemory(bytes);
      for (let i = 0; i < round % 15; i++) {
        sequence += 1 + ((round * i) % 3);
        // Offsets of several topics: they rise and fall.
        const offset = ((sequence * 7_919) % 1_000) + 1;
        memory.add(sequence, offset, 1_000 + round);
        appended.set(sequence, offset);
      }
      bytes = memory.encode(window);
      const read = new SessionMemory(bytes);
      expect(read.highest).toBe(sequence);
      const newest = [...appended].slice(-window);
      for (const [each, offset] of newest) expect(read.find(each), `round ${round}, ${each}`).toBe(offset);
      expect(read.find((newest[0]?.[0] ?? 1) - 1)).toBeUndefined();
      expect(read.find(sequence + 1)).toBeUndefined();
    }
  });
});

function socketsIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.endsWith('.sock'));
}
