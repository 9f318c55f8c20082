import { describe, expect, it } from 'vitest';
import { Verdicts } from '../src/page/verdicts.ts';

const lost = { code: 'lost', text: 'The connection was cut (close code 1006).' };
const crash = { code: 'server-crash', text: 'It ended without a word.', confidence: 0.9, fix: 'Look.' };

describe('Verdicts', () => {
  it('takes a connection that was live and is gone for a drop, and gives it the verdict that follows', () => {
    const verdicts = new Verdicts();
    verdicts.note({ phase: 'connecting', cause: undefined }, 0);
    verdicts.note({ phase: 'live', cause: undefined }, 1);
    verdicts.note({ phase: 'waiting', cause: lost }, 10);
    expect(verdicts.drops).toMatchObject([{ atMs: 10, id: undefined, text: lost.text, backAtMs: undefined }]);
    verdicts.note({ phase: 'connecting', cause: { code: 'unreachable', text: 'Nobody answers.' } }, 20);
    verdicts.note({ phase: 'live', cause: lost }, 30);
    verdicts.note({ phase: 'live', cause: crash }, 31);
    expect(verdicts.drops).toMatchObject([{ id: 'server-crash', text: crash.text, fix: 'Look.' }]);
  });

  it('knows a drop that was over before it showed by its verdict alone, and tells it once', () => {
    const verdicts = new Verdicts();
    verdicts.note({ phase: 'live', cause: undefined }, 1);
    verdicts.note({ phase: 'suspect', cause: lost }, 2);
    verdicts.note({ phase: 'live', cause: crash }, 3);
    verdicts.note({ phase: 'live', cause: crash }, 4);
    expect(verdicts.drops).toMatchObject([{ atMs: 3, id: 'server-crash' }]);
  });

  it('leaves a drop without a verdict as it is when the next one gets one', () => {
    const verdicts = new Verdicts();
    for (const [phase, atMs] of [
      ['live', 1],
      ['waiting', 2],
      ['live', 3],
    ] as const)
      verdicts.note({ phase, cause: lost }, atMs);
    verdicts.note({ phase: 'live', cause: crash }, 60_000);
    expect(verdicts.drops.map(({ id }) => id)).toEqual(['server-crash', undefined]);
  });

  it('keeps the latest three', () => {
    const verdicts = new Verdicts();
    for (let n = 0; n < 10; n++) verdicts.note({ phase: n % 2 ? 'waiting' : 'live', cause: lost }, n);
    expect(verdicts.drops.map(({ atMs }) => atMs)).toEqual([9, 7, 5]);
  });
});
