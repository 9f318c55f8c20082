import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { lmdbLog } from '../../src/server/logs/lmdb/lmdb.ts';
import { describeLog, describeSharedLog } from '../../src/testing/contracts.ts';

const runner = { describe, it: (title: string, body: () => Promise<void>) => it(title, body, 30_000) };
const folders = mkdtempSync(join(tmpdir(), 'holdfast-lmdb-'));
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
