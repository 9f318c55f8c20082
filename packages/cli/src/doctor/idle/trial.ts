import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { Trial } from '../measurements.ts';
import type { Way } from '../way.ts';
import { probe } from './probe-life.ts';

/** One connection that stays silent for a gap and is then asked whether it lives. */
export async function runTrial(way: Way, gapMs: number, isPointless: () => boolean): Promise<Trial> {
  const connection = await way.open('idle');
  const nowMs = performance.now();
  const nothing = { gapMs, openedAtMs: nowMs, endedAtMs: nowMs, silentMs: 0, noticed: null, ending: null };
  if (!connection) return { ...nothing, outcome: 'not-opened' };
  const { openedAtMs } = connection;
  const done = new AbortController();
  const watch = (async () => {
    const signal = AbortSignal.any([way.signal, done.signal]);
    while (!isPointless()) {
      const leftMs = openedAtMs + gapMs - performance.now();
      if (leftMs <= 0) return;
      await pause(Math.min(250, leftMs), undefined, { signal });
    }
  })();
  watch.catch(() => {});
  try {
    await Promise.race([watch, connection.ended]);
    way.signal.throwIfAborted();
    if (!connection.ending && isPointless()) {
      return { ...nothing, openedAtMs, endedAtMs: performance.now(), outcome: 'cancelled' };
    }
    const silentMs = connection.silentMs(connection.endedAtMs ?? performance.now());
    if (connection.ending) {
      const endedAtMs = connection.endedAtMs ?? performance.now();
      const { ending } = connection;
      return { gapMs, outcome: 'died', openedAtMs, endedAtMs, silentMs, noticed: 'during', ending };
    }
    const lives = await probe(connection, way);
    const { ending } = connection;
    return {
      gapMs,
      outcome: lives ? 'lived' : 'died',
      openedAtMs,
      endedAtMs: performance.now(),
      silentMs,
      noticed: lives ? null : 'probe',
      ending: lives ? null : ending,
    };
  } finally {
    done.abort();
    if (connection.ending) connection.drop();
    else void connection.close();
  }
}
