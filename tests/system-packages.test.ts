import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';

const isDebianRoot = existsSync('/etc/debian_version') && process.getuid?.() === 0;

/** The very script, with a policy file and an apt-get of its own, which takes its time. */
function scriptIn(folder: string): string {
  const script = join(folder, 'system-packages.mjs');
  cpSync(join(import.meta.dirname, '../scripts'), folder, { recursive: true });
  const text = readFileSync(script, 'utf8').replace('/usr/sbin/policy-rc.d', join(folder, 'policy'));
  writeFileSync(script, text);
  writeFileSync(join(folder, 'system-packages.json'), '{"no-such-program":"nothing"}');
  writeFileSync(join(folder, 'apt-get'), '#!/bin/sh\nexec sleep 30\n');
  chmodSync(join(folder, 'apt-get'), 0o755);
  return script;
}

it.runIf(isDebianRoot)(
  'Ctrl-C while packages are installed leaves no policy that forbids services',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-packages-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` };
    const child = spawn(process.execPath, [scriptIn(folder)], { env, detached: true, stdio: 'ignore' });
    const policy = join(folder, 'policy');
    await vi.waitFor(() => expect(existsSync(policy)).toBe(true), 5_000);
    const exited = once(child, 'exit');
    process.kill(-child.pid!, 'SIGINT');
    await exited;
    expect(existsSync(policy)).toBe(false);
  },
);
