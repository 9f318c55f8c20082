import { describe, expect, it } from 'vitest';
import { Beginning } from '../src/page/beginning.ts';
import { Ledger } from '../src/page/ledger.ts';

/** Two accounts that have not begun; `arrive` is what the page does with each message. */
function twoLanes() {
  const beginning = new Beginning();
  const lanes = [new Ledger(), new Ledger()] as const;
  for (const ledger of lanes) beginning.add(ledger);
  const publish = (n: number): void => {
    for (const ledger of lanes) ledger.notePublished({ n, atMs: n });
  };
  const arrive = (lane: 0 | 1, n: number): boolean => {
    const begins = beginning.noteArrived(lanes[lane], n);
    lanes[lane].noteArrived({ n, atMs: n }, n);
    return begins;
  };
  return { lanes, publish, arrive };
}

describe('the beginning of all accounts', () => {
  it('comes once each lane has shown that it receives', () => {
    const { arrive } = twoLanes();
    expect(arrive(0, 5)).toBe(false);
    expect(arrive(0, 6)).toBe(false);
    expect(arrive(1, 6)).toBe(true);
    expect(arrive(1, 7)).toBe(false);
  });

  it('calls nothing lost that one lane had before the other showed itself', () => {
    const { lanes, publish, arrive } = twoLanes();
    for (const n of [1, 2, 3]) arrive(0, n);
    arrive(1, 1);
    for (const n of [1, 2, 3, 4]) publish(n);
    for (const n of [2, 3, 4]) arrive(1, n);
    arrive(0, 4);
    for (const { counts } of lanes) expect(counts).toMatchObject({ published: 1, arrived: 1, lost: 0 });
  });
});
