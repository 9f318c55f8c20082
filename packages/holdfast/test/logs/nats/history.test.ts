import { expect, it } from 'vitest';
import type { Connection } from '../../../src/server/logs/nats/connection.ts';
import { History } from '../../../src/server/logs/nats/history.ts';
import { Subjects } from '../../../src/server/logs/nats/subjects.ts';

/** A stream in which one topic's messages have these sequences, and how often it was asked. */
function historyOf(sequences: readonly number[]): { history: History; asked: () => number } {
  let asked = 0;
  const direct = {
    getMessage: async (_stream: string, { seq }: { seq: number }) => {
      asked++;
      const found = sequences.find((sequence) => sequence >= seq);
      return found === undefined ? null : { seq: found, data: new Uint8Array() };
    },
  };
  const connection = { persist: <T>(ask: () => Promise<T>) => ask(), manager: { direct } };
  const history = new History(connection as unknown as Connection, new Subjects('holdfast'));
  return { history, asked: () => asked };
}

it('[HUB-2] finds the message before another, however far back it is and whatever stands before it', async () => {
  const burst = Array.from({ length: 5_000 }, (_, n) => 10 + 2 * n);
  const sequences = [...burst, 4_000_000, 4_000_001, 4_000_003];
  const { history, asked } = historyOf(sequences);
  for (const [index, sequence] of [...sequences.entries()].slice(-5)) {
    expect(await history.before('t', sequence)).toBe(sequences[index - 1]);
  }
  expect(await history.before('t', 10)).toBe(0);
  // Were the burst walked through, it would be asked for five thousand messages.
  expect(asked()).toBeLessThan(200);
});
