import { describe, expect, it } from 'vitest';
import { run } from '../../src/preflight/command.ts';
import { runCommand } from '../run-command.ts';

describe('holdfast preflight, given what it cannot work with', () => {
  const cases: readonly [string, readonly string[], RegExp][] = [
    ['no number', [], /how many connections/],
    ['a number that is none', ['--connections', 'many'], /whole number/],
    ['none at all', ['--connections', '0'], /from 1 to/],
    ['a server that nobody knows', ['--connections', '5', '--server', 'abacus'], /ws or holdfast/],
    ['a size that is none', ['--connections', '5', '--state', 'much'], /10KiB/],
    ['a heartbeat that is none', ['--connections', '5', '--heartbeat', 'fast'], /25s/],
    ['an argument too many', ['--connections', '5', 'x'], /too many/],
    ['an unknown option', ['--connections', '5', '--fast'], /--fast/],
  ];
  it.each(cases)('%s: one sentence, exit code 2', async (_name, args, sentence) => {
    const { code, out, err } = await runCommand(run, args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(sentence);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });

  it.runIf(process.platform === 'linux')('a process that is not there', async () => {
    const { code, err } = await runCommand(run, ['--connections', '5', '--pid', '4194304']);
    expect(code).toBe(2);
    expect(err).toMatch(/no process 4194304/);
  });

  it('shows its help', async () => {
    const { code, out } = await runCommand(run, ['--help']);
    expect(code).toBe(0);
    expect(out).toContain('--proxy-here');
  });
});
