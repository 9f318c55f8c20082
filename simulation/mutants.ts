import { Driver } from '../packages/holdfast/src/client/driver.ts';
import { Accounts } from '../packages/holdfast/src/server/cluster/accounts.ts';
import { Cluster } from '../packages/holdfast/src/server/cluster/cluster.ts';
import { Members } from '../packages/holdfast/src/server/cluster/members.ts';
import { PresenceTopics } from '../packages/holdfast/src/server/cluster/presence-topics.ts';
import { Presence } from '../packages/holdfast/src/server/cluster/presence.ts';
import { Takeovers } from '../packages/holdfast/src/server/cluster/takeovers.ts';
import { Telling } from '../packages/holdfast/src/server/cluster/telling.ts';
import { Whereabouts } from '../packages/holdfast/src/server/cluster/whereabouts.ts';
import { Hub } from '../packages/holdfast/src/server/hub.ts';
import type { Appended } from '../packages/holdfast/src/server/message-log.ts';
import { Operations } from '../packages/holdfast/src/server/operations.ts';
import { ResumeTokens } from '../packages/holdfast/src/server/resume-token.ts';
import { Sessions } from '../packages/holdfast/src/server/sessions.ts';
import { Wheel } from '../packages/holdfast/src/server/wheel.ts';
import { ClientSession } from '../packages/holdfast/src/session/client-session.ts';
import { Outbox } from '../packages/holdfast/src/session/outbox.ts';
import { ReplyBook, type Entry } from '../packages/holdfast/src/session/reply-book.ts';
import { ServerSession } from '../packages/holdfast/src/session/server-session.ts';
import {
  Subscriptions,
  type Aliases,
  type ClientCursor,
} from '../packages/holdfast/src/session/subscriptions.ts';
import type { FaultName } from './faults.ts';
import { replace } from './replace.ts';
import { SimLogView } from './sim-log-view.ts';

/**
 * A deliberate fault of the product. The checkers must find each one, or they would not find the same fault made
 * by mistake. What is not here, because no rule is broken without it, each being held by a second line:
 * - a log's follower that begins late, live cursors that stay although the chain broke, a cursor that lags and is
 *   not read for: the next run does not fit, and the heartbeat's tops tell the client (HUB-2, HUB-3);
 * - a heartbeat without tops: no simulated line loses a message within a connection;
 * - a run that is sent twice to a connection with two cursors: the client skips what it has (SUB-2);
 * - a go-away that is not sent: whoever has not moved is closed at the deadline, and comes back (DRAIN-2).
 */
export interface Mutant {
  name: string;
  /** The rule that it breaks. */
  rule: string;
  /** Shows itself under this fault, which is rare. */
  fault?: FaultName;
  /** Puts the fault in; the result takes it out again. */
  apply(): () => void;
}

const publishes: Mutant[] = [
  {
    name: 'a publish is acknowledged before the append',
    rule: 'PUB-1',
    apply: () =>
      replace(
        SimLogView.prototype,
        'append',
        async ({ self, original }, topic, ...rest): Promise<Appended> => {
          original(topic, ...rest).catch(() => {});
          const { epoch, offset } = await self.top(topic);
          return { status: 'appended', position: { epoch, offset: offset + 1 }, previous: offset };
        },
      ),
  },
  {
    name: 'a publish is acknowledged though the append failed',
    rule: 'PUB-1',
    apply: () =>
      replace(SimLogView.prototype, 'append', ({ self, original }, topic, ...rest) =>
        original(topic, ...rest).catch(async () => {
          const position = await self.top(topic);
          return { status: 'appended', position, previous: position.offset };
        }),
      ),
  },
  {
    name: 'an answer is taken for the oldest publish',
    rule: 'PUB-1',
    apply: () =>
      replace(Outbox.prototype, 'remove', ({ self, original }, id, ...rest) => {
        const [oldest] = self.values();
        return original(oldest?.id ?? id, ...rest);
      }),
  },
  {
    name: 'the log does not know what it has applied',
    rule: 'PUB-3',
    apply: () =>
      replace(SimLogView.prototype, 'append', ({ original }, topic, _session, ...rest) =>
        original(topic, undefined, ...rest),
      ),
  },
  {
    name: 'what was sent once is not sent again',
    rule: 'PUB-2',
    apply: () => replace(Outbox.prototype, 'restart', () => {}),
  },
  {
    name: 'what waits is sent newest first',
    rule: 'PUB-2',
    apply: () =>
      replace(Outbox.prototype, 'takeSendable', function* ({ original }, ...limits) {
        yield* [...original(...limits)].toReversed();
      }),
  },
  {
    name: 'a failure of the log is passed over in silence',
    rule: 'PUB-2',
    apply: () => replace(Operations.prototype, 'logFailed', () => {}),
  },
  {
    name: 'the window is not kept',
    rule: 'FLOW-4',
    apply: () =>
      replace(Outbox.prototype, 'takeSendable', ({ original }, _window, through) =>
        original(Infinity, through),
      ),
  },
  {
    name: 'a client forgets which publishes it has sent',
    rule: 'RES-4',
    apply: () => forgetsSent('publish'),
  },
];

const requests: Mutant[] = [
  {
    name: 'a retried request runs again',
    rule: 'REQ-1',
    apply: () =>
      replace(ReplyBook.prototype, 'begin', ({ original }, request): Entry => {
        original(request);
        return { state: 'new' };
      }),
  },
  {
    name: 'a reply is not kept',
    rule: 'REQ-3',
    apply: () => replace(ReplyBook.prototype, 'complete', () => {}),
  },
  {
    name: 'replies go with their connection',
    rule: 'RES-5',
    apply: () =>
      replace(Sessions.prototype, 'leave', ({ self, original }, session, ...rest) => {
        original(session, ...rest);
        if (!session.connection) self['sessions'].delete(session.id);
      }),
  },
  {
    name: 'a client forgets which requests it has sent',
    rule: 'RES-4',
    apply: () => forgetsSent('request'),
  },
];

const sessions: Mutant[] = [
  {
    name: 'any resume token is good',
    rule: 'RES-1',
    apply: () =>
      replace(ResumeTokens.prototype, 'verify', (_call, token) => {
        const [session] = token.split('.');
        return session ? { session, bornAfter: { sequence: 0, request: 0 } } : undefined;
      }),
  },
  {
    name: 'a takeover leaves the old connection open',
    rule: 'RES-3',
    apply: () =>
      replace(Sessions.prototype, 'take', ({ original }, id, identity, connection, number) => {
        const taken = original(id, identity, connection, number);
        return taken.superseded === connection ? taken : { ...taken, superseded: undefined };
      }),
  },
  {
    name: 'a hello that was overtaken takes the session back',
    rule: 'RES-3',
    fault: 'late hello',
    apply: () =>
      replace(Sessions.prototype, 'take', ({ self, original }, ticket, identity, connection) =>
        original(ticket, identity, connection, (self.get(ticket.session)?.connectionNumber ?? 0) + 1),
      ),
  },
  {
    name: 'a server does not look at its deadlines',
    rule: 'LIVE-2',
    fault: 'half-open',
    apply: () => replace(Wheel.prototype, 'schedule', () => {}),
  },
];

const deliveries: Mutant[] = [
  {
    name: 'a replay skips its last page',
    rule: 'FLOW-2',
    apply: () =>
      replace(Hub.prototype, 'pageAfter', async ({ original }, topic, after) => {
        const page = await original(topic, after);
        const last = page.entries.at(-1);
        if (!last || last.offset < topic.sent.offset) return page;
        return { ...page, entries: [], previous: last.offset };
      }),
  },
  {
    name: 'a server does not read on when a socket has room again',
    rule: 'FLOW-2',
    apply: () => replace(ServerSession.prototype, 'handleDrain', () => {}),
  },
  {
    name: 'a server keeps a gap to itself',
    rule: 'SUB-4',
    apply: () =>
      replace(Hub.prototype, 'pageAfter', async ({ original }, topic, after) => ({
        ...(await original(topic, after)),
        gap: undefined,
      })),
  },
  {
    name: 'a client passes over a gap in silence',
    rule: 'SUB-4',
    apply: () =>
      replace(Subscriptions.prototype, 'handle', ({ original }, aliases, record) => {
        const cursor = record.type === 'gap' && cursorOf(aliases, record.subscription);
        if (cursor) cursor.position = { epoch: record.toEpoch, offset: record.toOffset };
        else original(aliases, record);
      }),
  },
  {
    name: 'a client takes runs from further on',
    rule: 'SUB-2',
    apply: () =>
      replace(Subscriptions.prototype, 'handle', ({ original }, aliases, record) => {
        if (record.type !== 'messages') return original(aliases, record);
        for (const cursor of aliases.get(record.alias) ?? []) {
          const previous = Math.min(record.previous, cursor.position?.offset ?? Infinity);
          original(new Map([[record.alias, new Set([cursor])]]), { ...record, previous });
        }
      }),
  },
  {
    name: 'a resumed subscription goes back to where it was asked to begin',
    rule: 'SUB-3',
    apply: () =>
      replace(Subscriptions.prototype, 'handle', ({ original }, aliases, record) => {
        original(aliases, record);
        const cursor = record.type === 'subscribed' && cursorOf(aliases, record.subscription);
        if (cursor) cursor.position = { epoch: record.epoch, offset: record.offset };
      }),
  },
  {
    name: 'a position is stored ahead of its handler',
    rule: 'SUB-6',
    apply: () =>
      replace(Driver.prototype, 'processed', ({ original }, key, { epoch, offset }) =>
        original(key, { epoch, offset: offset + 1 }),
      ),
  },
  {
    name: 'a server takes every message for the next one',
    rule: 'HUB-2',
    apply: () =>
      replace(hubPrototype, 'take', ({ original }, topic, message) =>
        original(topic, { ...message, previous: topic.run.at(-1)?.offset ?? topic.sent.offset }),
      ),
  },
  {
    name: 'a server takes a message that comes again for a new one',
    rule: 'HUB-2',
    fault: 'log trouble',
    apply: () =>
      replace(hubPrototype, 'take', ({ original }, topic, message) => {
        const last = topic.run.at(-1)?.offset ?? topic.sent.offset;
        const isRepeat = message.epoch === topic.sent.epoch && message.offset <= last;
        original(topic, isRepeat ? { ...message, offset: last + 1, previous: last } : message);
      }),
  },
  {
    name: 'a server does not ask the log about quiet topics',
    rule: 'HUB-4',
    apply: () => replace(Hub.prototype, 'check', async () => {}),
  },
];

const nodes: Mutant[] = [
  {
    name: 'a session that was taken over by another node keeps its connection',
    rule: 'CLUSTER-3',
    fault: 'ghost',
    apply: () => replace(Takeovers.prototype, 'fence', () => {}),
  },
  {
    name: 'a takeover is told once, and not again when that was lost',
    rule: 'CLUSTER-3',
    fault: 'ghost',
    apply: () => replace(Telling.prototype, 'repeat', () => {}),
  },
  {
    name: 'a node does not ask the one that a request was sent to',
    rule: 'CLUSTER-5',
    apply: () => replace(Cluster.prototype, 'elsewhere', () => undefined),
  },
  {
    name: 'a node says of a request that ran that it did not',
    rule: 'CLUSTER-6',
    apply: () =>
      replace(Accounts.prototype, 'handleAsk', ({ self }, { from, session, requests }) => {
        self['answer'](from, session, requests, 'not-run');
      }),
  },
  {
    name: 'a node runs what it has handed over',
    rule: 'CLUSTER-6',
    fault: 'welcome lost',
    apply: () => replace(Whereabouts.prototype, 'handOver', () => true),
  },
  {
    name: 'the sessions of a dead node stay present',
    rule: 'CLUSTER-10',
    apply: () => replace(Members.prototype, 'takeDead', () => []),
  },
  {
    name: 'whoever left is told once, and not again when that was lost',
    rule: 'CLUSTER-10',
    fault: 'broadcasts lost',
    apply: () => replace(Presence.prototype, 'repeat', () => {}),
  },
  {
    name: 'a watcher that comes from another node is not given the list',
    rule: 'CLUSTER-11',
    apply: () =>
      replace(PresenceTopics.prototype, 'read', async ({ original }, name, ...rest) => {
        const page = await original(name, ...rest);
        const isList = name.startsWith('$presence:') && page.gap !== undefined;
        return isList ? { ...page, entries: [], previous: page.entries.at(-1)!.offset } : page;
      }),
  },
];

export const mutants: readonly Mutant[] = [...publishes, ...requests, ...sessions, ...deliveries, ...nodes];

/** The one seam that is private: what the hub does with a message from the log. */
const hubPrototype = Hub.prototype as unknown as {
  take(
    topic: { run: { offset: number }[]; sent: { epoch: number; offset: number } },
    message: { epoch: number; offset: number; previous: number; payload: Uint8Array },
  ): void;
};

/** The next hello says that nothing was sent, so that the server takes each retry for a first attempt. */
function forgetsSent(type: 'publish' | 'request'): () => void {
  return replace(ClientSession.prototype, 'opened', ({ self, original }, link, token, nowMs) => {
    self[type].sentThrough = 0;
    original(link, token, nowMs);
  });
}

function cursorOf(aliases: Aliases, id: number): ClientCursor | undefined {
  return [...aliases.values()].flatMap((cursors) => [...cursors]).find((cursor) => cursor.id === id);
}
