import { expect, it } from 'vitest';
import { flag, parseArguments, text } from '../src/arguments.ts';
import { nearestOf } from '../src/nearest.ts';

const options = { quick: flag, heartbeat: text };

it.each([
  [['--quik'], 'There is no option --quik; did you mean --quick?'],
  [['--heart-beat', '25s'], 'There is no option --heart-beat; did you mean --heartbeat?'],
  [['--frobnicate'], 'There is no option --frobnicate; --help lists all.'],
  [['--quote'], 'There is no option --quote; --help lists all.'],
  [['-x'], 'There is no option -x; --help lists all.'],
])('an option that there is not: %j', (args, message) => {
  expect(() => parseArguments(args, options)).toThrow(message);
});

it('an option that lacks its value, in one sentence', () => {
  expect(() => parseArguments(['--heartbeat'], options)).toThrow(/^Option '--heartbeat.*missing\.$/);
});

it('an option whose value begins with a dash, in one sentence', () => {
  expect(() => parseArguments(['--heartbeat', '-1s'], options)).toThrow(/^Option '--heartbeat' [^.]*\.$/);
});

it('a name is meant when few letters differ, and not most of them', () => {
  expect(nearestOf('Prot', ['path', 'port'])).toBe('port');
  expect(nearestOf('abc', ['xyz', 'ab'])).toBe('ab');
  expect(nearestOf('a', ['b'])).toBeUndefined();
  expect(nearestOf('port', [])).toBeUndefined();
});
