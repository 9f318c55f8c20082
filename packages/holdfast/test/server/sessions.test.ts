import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/protocol/limits.ts';
import type { Connection } from '../../src/server/connection.ts';
import { resumableMs } from '../../src/server/resume-token.ts';
import { Sessions } from '../../src/server/sessions.ts';

const ticket = { session: 'a', bornAfter: { sequence: 0, request: 0 } };
const reply = { ok: true, payload: new Uint8Array(1) } as const;
const leftAtMs = 1_000_000;
const resumableUntilMs = leftAtMs + resumableMs(defaultLimits.sessionTtlMs);

/** A session that asked something, got its reply, and was left. */
function leave({ confirmed = 1 } = {}) {
  const sessions = new Sessions(defaultLimits);
  const connect = (number: number) => {
    const connection = { machine: { replied: () => {} } } as unknown as Connection;
    const { session } = sessions.take(ticket, { id: 'ann' }, connection, number);
    return { session, connection };
  };
  const { session, connection } = connect(1);
  sessions.repliesOf(session).begin(1);
  sessions.complete(session, 1, reply);
  sessions.repliesOf(session).finish(confirmed);
  sessions.leave(session, connection, false, leftAtMs);
  return { sessions, connect };
}

describe('the sessions of a node', () => {
  it('[REQ-3] forget one that nobody came back for, and not before', () => {
    const { sessions } = leave();
    sessions.expire(resumableUntilMs);
    expect(sessions.get('a')).toBeDefined();
    sessions.expire(resumableUntilMs + 1);
    expect([...sessions.values()]).toEqual([]);
  });

  it('[REQ-3] keep one whose replies are confirmed as long as a hello may be on its way', () => {
    const { sessions } = leave({ confirmed: 2 });
    sessions.expire(leftAtMs + defaultLimits.helloTimeoutMs);
    expect(sessions.get('a')).toBeDefined();
    sessions.expire(leftAtMs + defaultLimits.helloTimeoutMs + 1);
    expect(sessions.get('a')).toBeUndefined();
  });

  it('[REQ-3] keep one that was left and taken again, however long that is ago', () => {
    const { sessions, connect } = leave();
    const { session, connection } = connect(2);
    sessions.expire(resumableUntilMs * 2);
    expect(sessions.get('a')).toBe(session);
    sessions.leave(session, connection, false, resumableUntilMs * 2);
    sessions.expire(resumableUntilMs * 2 + 1);
    expect(sessions.get('a')).toBe(session);
    sessions.expire(resumableUntilMs * 4);
    expect(sessions.get('a')).toBeUndefined();
  });
});
