import { describe, expect, it } from 'vitest';
import { hintNames } from '../../src/protocol/schema.ts';
import { FlightRecorder, HINT } from '../../src/session/flight-recorder.ts';

/** A recorder of connection 3, open from 1,000, last heard from at 60,000 and last written to at 59,000. */
function recorder(): FlightRecorder {
  const flight = new FlightRecorder();
  flight.opened(3, 1_000, 1_040);
  flight.inMs = 60_000;
  flight.outMs = 59_000;
  return flight;
}

const bit = (kind: number): number => 1 << kind;

describe('a flight recorder', () => {
  it('[CAUSE-1] has nothing to say before a connection was lost, or when none was welcomed', () => {
    const flight = new FlightRecorder();
    flight.ended(1006, 'peer', 5);
    flight.hint(HINT.offline, 6);
    expect(flight.record(10)).toBeUndefined();
    expect(recorder().record(70_000)).toBeUndefined();
  });

  it('[CAUSE-1] says how it ended, in whole milliseconds', () => {
    const flight = recorder();
    flight.ended(1006, 'peer', 90_000.6);
    expect(flight.record(91_000.2)).toEqual({
      type: 'flight',
      connection: 3,
      openMs: 89_001,
      silentInMs: 30_001,
      silentOutMs: 31_001,
      endedBy: 'peer',
      code: 1006,
      hints: 0,
      sleptMs: 0,
      attempts: 0,
      agoMs: 1_000,
    });
  });

  it('[CAUSE-1] keeps what was at the end, counts attempts since, and says it until one is welcomed', () => {
    const flight = recorder();
    flight.ended(0, 'timeout', 66_000);
    flight.outMs = 66_100;
    flight.missed();
    flight.ended(1006, 'peer', 74_000);
    flight.missed();
    const said = { endedBy: 'timeout', silentInMs: 6_000, silentOutMs: 7_000, attempts: 2 };
    expect(flight.record(83_000)).toMatchObject({ ...said, agoMs: 17_000 });
    expect(flight.record(84_000)).toMatchObject({ ...said, agoMs: 18_000 });
    flight.opened(4, 84_000, 84_050);
    expect(flight.record(85_000)).toBeUndefined();
    flight.ended(1001, 'peer', 86_000);
    expect(flight.record(86_000)).toMatchObject({ connection: 4, openMs: 2_000, attempts: 0, code: 1001 });
  });

  it('[CAUSE-1] forgets an end that was none', () => {
    const flight = recorder();
    flight.ended(0, 'timeout', 66_000);
    flight.missed();
    flight.recovered();
    expect(flight.record(67_000)).toBeUndefined();
    flight.inMs = 70_000;
    flight.ended(1006, 'peer', 70_100);
    expect(flight.record(70_100)).toMatchObject({
      endedBy: 'peer',
      silentInMs: 100,
      openMs: 69_100,
      attempts: 0,
    });
  });

  it('[CAUSE-1] has what was noticed in the last silence, and nothing of before', () => {
    const flight = recorder();
    flight.hint(HINT.offline, 20_000);
    flight.hint(HINT.hidden, 70_000);
    flight.hint(HINT.slept, 80_000, 9_000.4);
    flight.ended(1006, 'peer', 90_000);
    expect(flight.record(90_000)).toMatchObject({
      hints: bit(HINT.hidden) | bit(HINT.slept),
      sleptMs: 9_000,
    });
  });

  it('[CAUSE-1] has what was noticed just before the last bytes: those that had waited while a page was frozen', () => {
    const flight = recorder();
    flight.hint(HINT.frozen, 70_000);
    flight.inMs = 70_002;
    flight.ended(1006, 'peer', 70_010);
    expect(flight.record(70_010)).toMatchObject({ hints: bit(HINT.frozen) });
  });

  it('[CAUSE-1] has what was noticed right after the end, and nothing of later', () => {
    const flight = recorder();
    flight.ended(1006, 'peer', 90_000);
    flight.hint(HINT.slept, 90_020, 40_000);
    flight.hint(HINT.offline, 99_000);
    expect(flight.record(99_000)).toMatchObject({ hints: bit(HINT.slept), sleptMs: 40_000 });
  });

  it('has a bit for each name of the wire', () => {
    expect(Object.keys(HINT)).toEqual([...hintNames]);
    expect(Object.values(HINT)).toEqual(hintNames.map((_, index) => index));
  });
});
