import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  explainHole,
  labelOfHole,
  nameOfVerdict,
  seconds,
  untilRetry,
  wordsOfHole,
} from '../src/page/wording.ts';

describe('what the page says', () => {
  it('tells an announced gap from a loss that nobody announced', () => {
    expect(wordsOfHole({ reason: 'epoch', count: 5 })).toBe('gap: 5 messages, epoch');
    expect(wordsOfHole({ reason: undefined, count: 1 })).toBe('1 message lost, unannounced');
    expect(labelOfHole({ reason: undefined, count: 1 })).toBe('1 lost');
    expect(labelOfHole({ reason: 'retention', count: 1 })).toBe('gap: 1 message, retention');
  });

  it('says when a gap held nothing', () => {
    expect(explainHole({ reason: 'epoch', count: 0 })).toMatch(/nothing was missing/);
    expect(explainHole({ reason: 'epoch', count: 1 })).not.toMatch(/nothing was missing/);
  });

  it('counts down to the next try, and no further', () => {
    expect(untilRetry(3_200, 1_000)).toBe('next try in 2.2 s');
    expect(untilRetry(1_000, 1_000)).toBe('');
    expect(untilRetry(undefined, 1_000)).toBe('');
  });

  it('has words for each verdict, and for one that it does not know its name', () => {
    const spec = readFileSync(new URL('../../../SPEC.md', import.meta.url), 'utf8');
    const [, table] = /\*\*CAUSE-3\*\*([\s\S]*?)\*\*CAUSE-4\*\*/.exec(spec)!;
    const names = [...table!.matchAll(/^\s*\| `([a-z-]+)`/gm)].map(([, name]) => name!);
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) expect(nameOfVerdict(name)).not.toBe(name);
    expect(nameOfVerdict('moon-phase')).toBe('moon-phase');
  });

  it('rounds times to what can be read', () => {
    expect([49, 9_949, 9_950, 12_400].map(seconds)).toEqual(['0.0 s', '9.9 s', '10 s', '12 s']);
  });
});
