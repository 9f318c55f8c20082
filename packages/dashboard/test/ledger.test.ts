import { describe, expect, it } from 'vitest';
import { Ledger } from '../src/page/ledger.ts';

/** A ledger from message 1 on; message n is published at n × 250 ms. */
function ledgerOf(...published: number[]): Ledger {
  const ledger = new Ledger();
  ledger.begin(1);
  for (const n of published) ledger.notePublished(message(n));
  return ledger;
}

function message(n: number): { n: number; atMs: number } {
  return { n, atMs: n * 250 };
}

function arrive(ledger: Ledger, n: number, afterMs = 5): void {
  ledger.noteArrived(message(n), n * 250 + afterMs);
}

const fates = (ledger: Ledger): string[] => ledger.entries.map(({ fate }) => fate);

describe('Ledger', () => {
  it('calls a message arrived up to a second after it was published, and late from then on', () => {
    const ledger = ledgerOf(1, 2);
    arrive(ledger, 1, 1_000);
    arrive(ledger, 2, 1_001);
    expect(fates(ledger)).toEqual(['arrived', 'late']);
    expect(ledger.counts).toMatchObject({ published: 2, arrived: 1, late: 1, lost: 0, lateMaxMs: 1_001 });
  });

  it('calls nothing lost as long as no later message has come', () => {
    const ledger = ledgerOf(1, 2, 3);
    arrive(ledger, 1);
    expect(fates(ledger)).toEqual(['arrived', 'on-its-way', 'on-its-way']);
    expect(ledger.counts.lost).toBe(0);
  });

  it('calls what was overtaken lost, in a hole of which nobody was told', () => {
    const ledger = ledgerOf(1, 2, 3, 4);
    arrive(ledger, 1);
    arrive(ledger, 4);
    expect(fates(ledger)).toEqual(['arrived', 'lost', 'lost', 'arrived']);
    expect(ledger.holes).toEqual([{ after: 1, before: 4, reason: undefined, atMs: 1_005, count: 2 }]);
  });

  it('gives a hole the reason of the gap that was announced before it', () => {
    const ledger = ledgerOf(1, 2, 3, 4, 5, 6);
    arrive(ledger, 1);
    ledger.noteGap('epoch');
    arrive(ledger, 4);
    arrive(ledger, 6);
    expect(ledger.holes.map(({ reason, count }) => [reason, count])).toEqual([
      ['epoch', 2],
      [undefined, 1],
    ]);
  });

  it('keeps an announced gap in which nothing was lost', () => {
    const ledger = ledgerOf(1, 2);
    arrive(ledger, 1);
    ledger.noteGap('epoch');
    arrive(ledger, 2);
    expect(ledger.holes).toMatchObject([{ reason: 'epoch', count: 0 }]);
    expect(ledger.counts.lost).toBe(0);
  });

  it('takes numbers that were never acknowledged as published for no messages', () => {
    const ledger = ledgerOf(1, 5);
    arrive(ledger, 1);
    arrive(ledger, 5);
    expect(ledger.counts).toMatchObject({ published: 2, arrived: 2, lost: 0 });
    expect(ledger.holes).toEqual([]);
  });

  it('counts a message that came twice once as arrived and once as twice, however many copies come', () => {
    const ledger = ledgerOf(1);
    for (let copy = 0; copy < 3; copy++) arrive(ledger, 1);
    expect(ledger.counts).toMatchObject({ published: 1, arrived: 1, twice: 1 });
    expect(ledger.entries[0]).toMatchObject({ copies: 3, arrivedAtMs: 255 });
  });

  it('takes back a loss when the message comes after all', () => {
    const ledger = ledgerOf(1, 2, 3);
    arrive(ledger, 1);
    arrive(ledger, 3);
    arrive(ledger, 2, 300);
    expect(fates(ledger)).toEqual(['arrived', 'late', 'arrived']);
    expect(ledger.counts).toMatchObject({ arrived: 2, late: 1, lost: 0 });
    expect(ledger.holes).toMatchObject([{ count: 0 }]);
  });

  it('knows a message that comes before the news that it was published', () => {
    const ledger = ledgerOf();
    arrive(ledger, 1);
    ledger.notePublished(message(1));
    expect(ledger.counts).toMatchObject({ published: 1, arrived: 1 });
  });

  it('counts belated news of an overtaken message into the hole where it belongs', () => {
    const ledger = ledgerOf(1, 2);
    arrive(ledger, 1);
    arrive(ledger, 4);
    ledger.notePublished(message(3));
    expect(fates(ledger)).toEqual(['arrived', 'lost', 'lost', 'arrived']);
    expect(ledger.holes).toMatchObject([{ after: 1, before: 4, count: 2 }]);
  });

  it('ignores what was before its beginning', () => {
    const ledger = new Ledger();
    ledger.notePublished(message(1));
    ledger.noteGap('epoch');
    ledger.begin(3);
    arrive(ledger, 2);
    arrive(ledger, 3);
    expect(ledger.counts).toMatchObject({ published: 1, arrived: 1 });
    expect(ledger.holes).toEqual([]);
  });

  it('forgets the oldest messages and keeps their counts', () => {
    const ledger = ledgerOf();
    for (let n = 1; n <= 10_005; n++) arrive(ledger, n);
    expect(ledger.entries).toHaveLength(10_000);
    expect(ledger.counts).toMatchObject({ published: 10_005, arrived: 10_005 });
    arrive(ledger, 2);
    expect(ledger.counts.published).toBe(10_005);
  });

  it('forgets the oldest holes, also of messages that were overtaken before anybody knew of them', () => {
    const ledger = ledgerOf();
    for (let n = 2; n <= 400; n += 2) {
      arrive(ledger, n);
      ledger.notePublished(message(n - 1));
    }
    expect(ledger.counts.lost).toBe(200);
    expect(ledger.holes).toHaveLength(100);
  });
});
