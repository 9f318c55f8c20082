import { expect, it } from 'vitest';
import { decode } from '../../src/protocol/codec.ts';
import { RECORDS_MAX } from '../../src/protocol/limits.ts';
import { Heartbeats } from '../../src/server/heartbeats.ts';
import { HubTopic } from '../../src/server/hub.ts';
import { Cursor } from '../../src/session/cursor.ts';

function topicAt(alias: number, offset: number): HubTopic {
  const retention = { countMax: 10, bytesMax: 1_000, ageMaxMs: 1_000 };
  const topic = new HubTopic(`t${alias}`, alias, { policy: 'replay', presence: false, retention });
  topic.sent = { epoch: 1, offset };
  return topic;
}

function cursorsOn(...topics: HubTopic[]): Map<number, Cursor<HubTopic>> {
  return new Map(
    topics.map((topic, index) => {
      const cursor = new Cursor<HubTopic>(index, `topic-${index}`);
      cursor.topic = topic;
      cursor.state = 'live';
      return [index, cursor];
    }),
  );
}

it('[HUB-3] a heartbeat carries the tops of what is followed live, whoever beat before', () => {
  const heartbeats = new Heartbeats();
  const [a, b] = [topicAt(1, 5), topicAt(2, 7)];
  const topsOf = (cursors: Map<number, Cursor<HubTopic>>) => decode(heartbeats.of(cursors));
  const ping = (...tops: { alias: number; offset: number }[]) => [{ type: 'ping', id: 0, tops }];
  const both = [
    { alias: 1, offset: 5 },
    { alias: 2, offset: 7 },
  ];
  expect(topsOf(cursorsOn())).toEqual(ping());
  expect(topsOf(cursorsOn(a))).toEqual(ping(both[0]!));
  expect(topsOf(cursorsOn(a, b))).toEqual(ping(...both));
  expect(topsOf(cursorsOn(a))).toEqual(ping(both[0]!));
  expect(topsOf(cursorsOn(b))).toEqual(ping(both[1]!));
  b.sent = { epoch: 1, offset: 8 };
  expect(topsOf(cursorsOn(b))).toEqual(ping({ alias: 2, offset: 8 }));
  const behind = cursorsOn(a, b);
  behind.get(0)!.state = 'behind';
  expect(topsOf(behind)).toEqual(ping({ alias: 2, offset: 8 }));
});

it('[HUB-3] a heartbeat holds no more tops than a client takes', () => {
  const heartbeats = new Heartbeats();
  const cursors = cursorsOn(...Array.from({ length: RECORDS_MAX + 1 }, (_, index) => topicAt(index + 1, 1)));
  const bytes = heartbeats.of(cursors);
  expect(decode(bytes)).toMatchObject([{ type: 'ping', tops: { length: RECORDS_MAX } }]);
  expect(heartbeats.of(cursors)).toBe(bytes);
});

it('[LIVE-2] connections that follow the same beat with the same bytes', () => {
  const heartbeats = new Heartbeats();
  const topic = topicAt(1, 5);
  expect(heartbeats.of(cursorsOn(topic))).toBe(heartbeats.of(cursorsOn(topic)));
});
