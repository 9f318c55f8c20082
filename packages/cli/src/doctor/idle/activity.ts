import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import type { Activity, ActivityKind } from '../measurements.ts';
import type { ProbeConnection } from '../probe/connection.ts';
import type { Way } from '../way.ts';
import { probe } from './probe-life.ts';

/** The kernel's keepalive knows whole seconds only. */
const KEEPALIVE_MS_MIN = 1_000;

export interface ActivityPlan {
  readonly intervalMs: number;
  /** Longer than the limit, so that only an activity that counts lives to see it. */
  readonly wantedMs: number;
}

/** Keeps a connection busy in one way only, and sees whether that holds the limit back. */
export async function runActivity(way: Way, kind: ActivityKind, plan: ActivityPlan): Promise<Activity> {
  const connection = await way.open('idle');
  const { intervalMs, wantedMs } = plan;
  if (!connection) return { kind, intervalMs, wantedMs, livedMs: 0, outcome: 'not-opened', ending: null };
  const { openedAtMs } = connection;
  if (kind === 'tcp-keepalive') connection.keepAlive(Math.max(KEEPALIVE_MS_MIN, intervalMs));
  try {
    while (!connection.ending) {
      const leftMs = openedAtMs + wantedMs - performance.now();
      if (leftMs <= 0) break;
      const turnMs = Math.min(intervalMs, leftMs);
      const turn = new AbortController();
      const wait = pause(turnMs, undefined, { signal: AbortSignal.any([way.signal, turn.signal]) });
      wait.catch(() => {});
      await Promise.race([wait, connection.ended]);
      turn.abort();
      way.signal.throwIfAborted();
      act(connection, kind, way);
    }
    const lives = connection.ending === null && (await probe(connection, way));
    const { ending } = connection;
    const livedMs = (connection.endedAtMs ?? performance.now()) - openedAtMs;
    return { kind, intervalMs, wantedMs, livedMs, outcome: lives ? 'lived' : 'died', ending };
  } finally {
    void connection.close();
  }
}

function act(connection: ProbeConnection, kind: ActivityKind, way: Way): void {
  switch (kind) {
    case 'ping':
      void connection.ping(way.settings.timeoutMs);
      return;
    case 'pong':
      connection.sendPong();
      return;
    case 'data':
      connection.sendText(way.settings.send ?? '');
      return;
    case 'silent':
    case 'tcp-keepalive':
      return;
  }
}
