import type { World } from './world.ts';

/** What goes wrong, each with how often. A fault that needs mending later mends itself in virtual time. */
type Fault = (world: World) => void;

const faults: Record<string, { weight: number; strike: Fault }> = {
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
  'log failover': { weight: 0.5, strike: (world) => world.volatile || world.log.failover(6) },
  'log trouble': { weight: 1, strike: logTrouble },
};

const totalWeight = Object.values(faults).reduce((sum, { weight }) => sum + weight, 0);

/** Strikes with one fault; returns its name. */
export function strike(world: World): string {
  let at = world.random() * totalWeight;
  for (const [name, { weight, strike: fault }] of Object.entries(faults)) {
    at -= weight;
    if (at > 0) continue;
    fault(world);
    return name;
  }
  return 'none';
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
  world.log.detach(crashed.view);
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
  after(world, world.random() * 20_000, () => server.process.clock.continue());
}

function stopClient(world: World): void {
  const client = world.pick(world.clients);
  if (!client) return;
  client.process.clock.stop();
  after(world, world.random() * 20_000, () => client.process.clock.continue());
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

function logTrouble(world: World): void {
  world.log.faults = {
    failureShare: world.random() * 0.1,
    missingShare: world.volatile ? 0 : world.random() * 0.1,
    latencyMs: world.random() * 400,
  };
  after(world, 5_000, () => calmLog(world));
}

export function calmLog(world: World): void {
  world.log.faults = { failureShare: 0, missingShare: 0, latencyMs: 2 };
}
