import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { linuxProcesses } from '../../src/server/resources/processes.ts';

describe.runIf(process.platform === 'linux')('processes of one machine', () => {
  const { own, look } = linuxProcesses()!;
  const of = (pid: number | string): string => own.replace(/^\d+/, String(pid));
  const { pid: ended } = spawnSync(process.execPath, ['--version']);

  it('[CAUSE-6] see that one has ended, or is there', () => {
    expect(look(of(ended))).toBe('ended');
    for (const pid of [process.pid, process.ppid, 1]) expect(look(of(pid)), String(pid)).toBe('there');
  });

  it('[CAUSE-6] say nothing of others', () => {
    for (const name of [`${ended} elsewhere`, `${ended}`, of(0), of(-1), of(1.5), of('x'), ''])
      expect(look(name), name).toBeUndefined();
  });
});
