import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../packages/cli/src/doctor/report/report.ts';
import { echoServer, type ZooServer } from './servers.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const START = ['--conditions=source', '--import', 'tsx', 'packages/cli/src/main.ts'];
const QUICK_MS_MAX = 10_000;

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** The command as a user runs it. `interruptAt` sends SIGINT once that text was printed. */
function holdfast(args: readonly string[], interruptAt?: string): Promise<Ended> {
  const child = spawn(process.execPath, [...START, ...args], { cwd: root });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
    if (interruptAt !== undefined && out.includes(interruptAt)) child.kill('SIGINT');
  });
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}

describe.concurrent('the command holdfast', () => {
  let server: ZooServer;
  beforeAll(async () => {
    server = await echoServer();
  });
  afterAll(() => server.stop());

  it('quick on a healthy server: exit code 0 in under 10 s', async () => {
    const { code, out, err } = await holdfast(['doctor', server.url, '--quick', '--send', 'hello', '--json']);
    expect(err).toBe('');
    const report = JSON.parse(out) as Report;
    expect(report.verdict.id).toBe('stable');
    expect(report.plan.durationMs).toBeLessThan(QUICK_MS_MAX);
    // A slow machine may need longer than announced, but not by much.
    expect(report.durationMs).toBeLessThan(2 * QUICK_MS_MAX);
    expect(code).toBe(0);
  });

  it('a problem: exit code 1', async () => {
    const ordinary = await echoServer({ admit: () => 404 });
    const { code, out } = await holdfast(['doctor', ordinary.url, '--quick']);
    await ordinary.stop();
    expect(code).toBe(1);
    expect(out).toContain('verdict     not-found');
  });

  it('an address that is none: exit code 2, a sentence, no trace', async () => {
    const { code, out, err } = await holdfast(['doctor', 'http://127.0.0.1/']);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(/^holdfast doctor: .* is an HTTP address; [^\n]*\n$/);
  });

  it('stops when the user interrupts it', async () => {
    const { code, err } = await holdfast(['doctor', server.url, '--deep'], 'Name resolution');
    expect(err).toBe('holdfast doctor: stopped.\n');
    expect(code).toBe(2);
  });

  it('ends without a word when nobody reads on, as behind "| head"', async () => {
    const child = spawn(process.execPath, [...START, 'doctor', server.url, '--deep'], { cwd: root });
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.stdout.once('data', () => child.stdout.destroy());
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect({ code, err }).toEqual({ code: 2, err: '' });
  });

  it('knows its commands, and says so', async () => {
    const help = await holdfast(['--help']);
    expect(help.code).toBe(0);
    for (const name of ['doctor', 'lint', 'config', 'preflight', 'load', 'chaos'])
      expect(help.out).toContain(`  ${name}`);
    const wrong = await holdfast(['heal']);
    expect(wrong.code).toBe(2);
    expect(wrong.err).toContain('there is no command "heal"');
  });
});
