import { decode, encode } from '../packages/holdfast/src/protocol/codec.ts';
import { PROTOCOL_VERSION } from '../packages/holdfast/src/protocol/version.ts';
import type { Client } from '../packages/holdfast/src/client/client.ts';
import type { PresenceMessage } from '../packages/holdfast/src/server/cluster/presence-topics.ts';
import type { HoldfastServer } from '../packages/holdfast/src/server/server.ts';
import { Violation } from './history.ts';
import type { World } from './world.ts';

/** How nodes on one log stand to each other: who has which session, and who is on a topic. */

type Connections = HoldfastServer['node']['connections'];
type Connection = Connections extends Set<infer C> ? C : never;

/** A session that has moved may stand on its old node for some beats more, of one second each: broadcasts get lost. */
const FENCE_MAX_MS = 6_000;
/** The session must not end with its ghost, and the ghost must not outlive the run. */
const GHOST_MS = 20_000;

export function connectionsOf(server: HoldfastServer): Iterable<Connection> {
  return server['node'].connections;
}

/** Finds sessions that stay connected to two nodes, though nothing keeps these from talking to each other. */
export class FenceWatch {
  private readonly since = new Map<string, number>();
  /** While something does, nobody can be blamed. */
  excusedUntilMs = 0;

  check(servers: readonly { server: HoldfastServer }[], nowMs: number): void {
    const twice = sessionsOnTwo(servers);
    for (const session of this.since.keys()) if (!twice.has(session)) this.since.delete(session);
    for (const session of twice) {
      const sinceMs = this.since.get(session) ?? nowMs;
      this.since.set(session, nowMs < this.excusedUntilMs ? nowMs : sinceMs);
      if (nowMs - sinceMs > FENCE_MAX_MS && nowMs >= this.excusedUntilMs)
        throw new Violation(`session ${session} has been connected to two nodes for ${nowMs - sinceMs} ms`);
    }
  }
}

/** Sessions with an open connection on more than one node. */
export function sessionsOnTwo(servers: readonly { server: HoldfastServer }[]): Set<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { server } of servers) {
    for (const { session, isClosed } of connectionsOf(server)) {
      if (session && !isClosed && seen.size === seen.add(session.id).size) twice.add(session.id);
    }
  }
  return twice;
}

/**
 * Says hello for a session that has a later connection on another node, and stays: as a hello does that was
 * held up on its way, or somebody who copied a tab. It answers heartbeats, and does nothing else.
 */
export function haunt(world: World): void {
  const home = world.pick(world.servers);
  const other = world.pick(world.servers.filter((server) => server !== home));
  const connection = home && world.pick([...connectionsOf(home.server)].filter(isLive));
  if (!home || !other || !connection) return;
  const { id, bornAfter, identity, connectionNumber } = connection.session!;
  const { clock, network } = world.testbed;
  const ticket = { session: id, bornAfter };
  const resumeToken = home.server['node'].greeter['tokens'].issue(ticket, identity.id, clock.nowMs());
  const socket = network.dialer('ghost', clock.process())(`ws://virtual:${other.port}/`, [PROTOCOL_VERSION]);
  socket.onopen = () => {
    const empty = { token: '', node: '', sequenceSent: 0, requestSent: 0 };
    socket.send(encode([{ type: 'hello', connection: connectionNumber - 1, resumeToken, ...empty }]));
  };
  socket.onmessage = ({ data }: { data: Uint8Array }) => {
    const records = decode(data);
    if (typeof records === 'string') return;
    for (const record of records)
      if (record.type === 'ping') socket.send(encode([{ type: 'pong', id: record.id, finished: 0 }]));
  };
  clock.at(GHOST_MS, () => network.of('ghost').forEach((ghost) => ghost.client === socket && ghost.cut()));
}

function isLive({ session, isClosed }: Connection): boolean {
  return session !== undefined && session.connectionNumber > 0 && !isClosed;
}

/** A subscriber's own list of who is on a topic, from what it is told. */
export class PresenceWatch {
  private readonly present = new Set<string>();
  private readonly name: string;

  constructor(name: string, client: Client, topic: string) {
    this.name = name;
    client.subscribe(`$presence:${topic}`, (message: PresenceMessage) => this.take(message), {
      from: 'start',
    });
  }

  private take({ present, joined, left }: PresenceMessage): void {
    if (present) this.present.clear();
    for (const { session } of [...(present ?? []), ...(joined ?? [])]) this.present.add(session);
    for (const { session } of left ?? []) this.present.delete(session);
  }

  checkConverged(expected: readonly string[]): void {
    const list = [...this.present].sort();
    if (list.join() !== expected.join())
      throw new Violation(`${this.name} sees ${show(list)} present instead of ${show(expected)}`);
  }
}

/** The sessions that subscribe to a topic on any node. */
export function subscribersOf(servers: readonly { server: HoldfastServer }[], topic: string): string[] {
  const sessions = new Set<string>();
  for (const { server } of servers) {
    for (const connection of connectionsOf(server)) {
      for (const cursor of connection.cursors())
        if (cursor.topic?.name === topic) sessions.add(connection.session!.id);
    }
  }
  return [...sessions].sort();
}

/** Every node's own list. */
export function checkPresence(server: HoldfastServer, topic: string, expected: readonly string[]): void {
  const { count, present } = server.presence(topic);
  const list = present.map(({ session }) => session).sort();
  if (list.join() !== expected.join() || count !== expected.length)
    throw new Violation(`a node lists ${show(list)} on "${topic}" instead of ${show(expected)}`);
}

function show(sessions: readonly string[]): string {
  return `[${sessions.map((session) => session.slice(0, 4)).join(' ')}]`;
}
