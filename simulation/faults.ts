import { haunt } from './nodes.ts';
import { noFaults } from './sim-log.ts';
import type { World } from './world.ts';

/** What goes wrong, each with how often. A fault that needs mending later mends itself in virtual time. */
type Fault = (world: World) => void;

const faults = {
  cut: { weight: 6, strike: (world) => pickConnection(world)?.cut() },
  'black hole for a while': { weight: 4, strike: (world) => blackHole(world, world.random() * 12_000) },
  /** The client is told, the server is not; or nobody is. */
  'half-open': { weight: 3, strike: (world) => pickConnection(world)?.blackHole() },
  'partition of a client': { weight: 2, strike: partition },
  'slow line': { weight: 2, strike: slowLine },
  'late line': { weight: 2, strike: lateLine },
  'server crash': { weight: 1.5, strike: crashServer },
  'server restart': { weight: 1, strike: restartServer },
  'server drain': { weight: 1, strike: drainServer },
  'server stopped': { weight: 1, strike: stopServer },
  'client crash': { weight: 1.5, strike: crashClient },
  'client stopped': { weight: 1, strike: stopClient },
  reconnect: { weight: 1, strike: (world) => world.pick(world.clients)?.client.reconnect() },
  'log failover': { weight: 0.5, strike: failOver },
  'failover during a move': { weight: 0.5, strike: failoverDuringMove },
  'cut during a move': { weight: 0.5, strike: cutDuringMove },
  'welcome lost': { weight: 0.5, strike: loseWelcome },
  'late hello': { weight: 0.5, strike: lateHello },
  'log trouble': { weight: 1, strike: logTrouble },
  'log paused': { weight: 0.5, strike: pauseLog },
  'log refuses': { weight: 0.5, strike: refuse },
  'broadcasts lost': { weight: 0.5, strike: loseBroadcasts },
  'node cut off': { weight: 0.5, strike: cutOffNode },
  ghost: { weight: 0.5, strike: haunt },
} satisfies Record<string, { weight: number; strike: Fault }>;

export type FaultName = keyof typeof faults;
export const faultNames = Object.keys(faults) as FaultName[];

const totalWeight = Object.values(faults).reduce((sum, { weight }) => sum + weight, 0);

/** Strikes with one fault, each other time with the favourite if there is one; returns its name. */
export function strike(world: World, favourite: FaultName | undefined): FaultName {
  const name = favourite !== undefined && world.chance(0.5) ? favourite : pickFault(world);
  faults[name].strike(world);
  return name;
}

function pickFault(world: World): FaultName {
  let at = world.random() * totalWeight;
  for (const [name, { weight }] of Object.entries(faults)) {
    at -= weight;
    if (at <= 0) return name as FaultName;
  }
  return 'cut';
}

function pickConnection(world: World) {
  return world.pick([...world.testbed.network.connections]);
}

function after(world: World, delayMs: number, mend: () => void): void {
  world.testbed.clock.at(delayMs, mend);
}

function blackHole(world: World, durationMs: number): void {
  const connection = pickConnection(world);
  if (!connection) return;
  connection.blackHole();
  after(world, durationMs, () => connection.heal());
}

/** Every connection of a client, and each that it dials meanwhile. */
function partition(world: World): void {
  const client = world.pick(world.clients);
  if (!client) return;
  const durationMs = world.random() * 15_000;
  for (let passedMs = 0; passedMs < durationMs; passedMs += 200) {
    after(world, passedMs, () =>
      world.testbed.network.of(client.name).forEach((connection) => connection.blackHole()),
    );
  }
  after(world, durationMs, () =>
    world.testbed.network.of(client.name).forEach((connection) => connection.heal()),
  );
}

function slowLine(world: World): void {
  const connection = pickConnection(world);
  if (connection) connection.quality = { ...connection.quality, bytesPerMs: 0.5 + world.random() * 2 };
}

function lateLine(world: World): void {
  const connection = pickConnection(world);
  if (connection) connection.quality = { ...connection.quality, latencyMs: world.random() * 3_000 };
}

/** kill -9: its peers see a reset, or nothing at all. */
function crashServer(world: World): void {
  const index = Math.floor(world.random() * world.servers.length);
  const crashed = world.servers.splice(index, 1)[0];
  if (!crashed) return;
  crashed.process.clock.end();
  world.log.crash(crashed.view);
  const { network } = world.testbed;
  network.unlisten(`virtual:${crashed.port}`);
  if (world.volatile) world.log.wipe();
  for (const connection of network.connections) {
    if (connection.serverClock !== crashed.process.clock) continue;
    if (world.chance(0.8)) connection.cut();
    else connection.blackHole();
  }
  after(world, world.random() * 5_000, () => world.startServer(crashed.port));
}

function restartServer(world: World): void {
  const index = Math.floor(world.random() * world.servers.length);
  const closing = world.servers.splice(index, 1)[0];
  if (!closing) return;
  void closing.server.close().then(() => {
    if (world.volatile) world.log.wipe();
    after(world, world.random() * 3_000, () => world.startServer(closing.port));
  });
}

function drainServer(world: World): void {
  const index = Math.floor(world.random() * world.servers.length);
  const draining = world.servers.splice(index, 1)[0];
  if (!draining) return;
  void draining.server
    .drain({ deadlineMs: 5_000 })
    .then(() => draining.server.close())
    .then(() => {
      if (world.volatile) world.log.wipe();
      world.startServer(draining.port);
    });
}

function stopServer(world: World): void {
  const server = world.pick(world.servers);
  if (!server) return;
  server.process.clock.stop();
  const durationMs = world.random() * 20_000;
  world.excuse(durationMs);
  after(world, durationMs, () => server.process.clock.continue());
}

function stopClient(world: World): void {
  const client = world.pick(world.clients);
  if (!client) return;
  client.process.clock.stop();
  after(world, world.random() * 20_000, () => {
    client.process.clock.continue();
    client.wokeAtMs = world.testbed.clock.nowMs();
  });
}

/** The next life begins with what was stored, if anything was. */
function crashClient(world: World): void {
  const index = Math.floor(world.random() * world.clients.length);
  const crashed = world.clients.splice(index, 1)[0];
  if (!crashed) return;
  crashed.process.clock.end();
  for (const connection of world.testbed.network.of(crashed.name)) {
    if (world.chance(0.7)) connection.cut();
    else connection.blackHole();
  }
  after(world, world.random() * 4_000, () => world.startClient(crashed.name, crashed.storage));
}

/** A replica takes over that does not have all that was acknowledged. */
function failOver({ log }: World): void {
  if (log.profile.rollsBack) log.failover(6);
}

/** A client goes to a new connection, and what it says there of its positions is of an epoch that ends. */
function failoverDuringMove(world: World): void {
  world.pick(world.clients)?.client.reconnect();
  const { latencyMs } = world.testbed.network.quality;
  after(world, latencyMs * (1 + 3 * world.random()), () => failOver(world));
}

/** What is said first on a new connection arrives, and the rest, or the answer, does not. */
function cutDuringMove(world: World): void {
  const client = world.pick(world.clients);
  if (!client) return;
  client.client.reconnect();
  const { latencyMs, jitterMs } = world.testbed.network.quality;
  after(world, (latencyMs + jitterMs / 2) * (2 + 3 * world.random()), () => {
    for (const connection of world.testbed.network.of(client.name)) connection.cut();
  });
}

/** A request is lost with its connection; the next one takes it to a server, and ends before that has answered. */
function loseWelcome(world: World): void {
  const client = world.pick(world.clients);
  if (!client) return;
  const { network } = world.testbed;
  const before = network.of(client.name);
  for (const connection of before) connection.blackHole();
  world.request(client);
  after(world, 50, () => before.forEach((connection) => connection.cut()));
  const { latencyMs, jitterMs } = network.quality;
  const answerMs = 3 * (latencyMs + jitterMs / 2) + world.random() * latencyMs;
  let struck = false;
  for (let passedMs = 50; passedMs < 5_000; passedMs += 10) {
    after(world, passedMs, () => {
      const next = network.of(client.name).find((connection) => !before.includes(connection));
      if (struck || !next) return;
      struck = true;
      after(world, answerMs, () => next.cut());
    });
  }
}

/** A hello that is on its way for longer than its client waits for the answer. */
function lateHello(world: World): void {
  const client = world.pick(world.clients);
  if (!client) return;
  client.client.reconnect();
  const { latencyMs, jitterMs } = world.testbed.network.quality;
  // The upgrade's answer is through, or nearly so, and what the client says next is not.
  after(world, 2 * latencyMs + 2 * jitterMs * world.random(), () => {
    const connection = world.testbed.network.of(client.name).at(-1);
    connection?.blackHole();
    after(world, 4_500 + world.random() * 5_000, () => connection?.heal());
  });
}

/** The log works, and nodes do not hear each other. */
function loseBroadcasts(world: World): void {
  const durationMs = world.random() * 10_000;
  world.log.faults = { ...world.log.faults, deafShare: 0.5 + world.random() / 2 };
  world.excuse(durationMs);
  after(world, durationMs, () => (world.log.faults = { ...world.log.faults, deafShare: 0 }));
}

/** The log's process was stopped, or its disk hangs: everybody waits. */
function pauseLog(world: World): void {
  if (world.volatile) return;
  const durationMs = world.random() * 20_000;
  world.log.pause(durationMs);
  world.excuse(durationMs);
}

/** A full disk, or replicas without a leader: nothing is taken. */
function refuse(world: World): void {
  if (world.volatile) return;
  world.log.faults = { ...world.log.faults, failureShare: 1 };
  after(world, world.random() * 10_000, () => (world.log.faults = { ...world.log.faults, failureShare: 0 }));
}

/** Nothing passes between one node and the log; its clients stay. */
function cutOffNode(world: World): void {
  const server = world.volatile ? undefined : world.pick(world.servers);
  if (!server) return;
  const durationMs = world.random() * 12_000;
  server.view.cutOff();
  world.excuse(durationMs);
  after(world, durationMs, () => server.view.heal());
}

export function logTrouble(world: World): void {
  world.log.faults = {
    ...world.log.faults,
    failureShare: world.random() * 0.1,
    missingShare: world.log.profile.losesLive ? world.random() * 0.1 : 0,
    repeatedShare: world.random() * 0.3,
    latencyMs: world.random() * 400,
  };
  after(world, 5_000, () => calmLog(world));
}

export function calmLog(world: World): void {
  world.log.faults = { ...noFaults };
}
