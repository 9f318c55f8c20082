import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { generators } from '../../packages/cli/src/config/command.ts';
import type { ProxySettings } from '../../packages/cli/src/config/settings.ts';
import { isAtLeast } from '../../packages/cli/src/lint/versions.ts';
import { requirePeer } from '../peers.ts';
import { freePort } from './program.ts';
import { Client, startBackend } from './restarting-backend.ts';
import { caddyVersion, realProxies, startProxy, type RealProxy } from './generated-configs.ts';

// Three of these make an idle limit of 3 s, so a machine that stalls for two seconds harms nobody.
const heartbeatMs = 700;
const cleanups: (() => unknown)[] = [];

afterAll(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
});

function settingsFor(proxy: RealProxy, upstreamPort: number, port: number): ProxySettings {
  const version = proxy.name === 'caddy' ? { productVersion: caddyVersion() } : {};
  return {
    upstream: `127.0.0.1:${upstreamPort}`,
    host: 'example.com',
    port,
    path: '/ws',
    heartbeatMs,
    connections: 50,
    ...version,
  };
}

/** Starts the generated configuration with a backend behind it. */
async function stand(proxy: RealProxy) {
  const folder = mkdtempSync(join(tmpdir(), `holdfast-${proxy.name}-`));
  chmodSync(folder, 0o755);
  cleanups.push(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const backend = await startBackend(heartbeatMs);
  const [port, adminPort] = [await freePort(), await freePort()];
  const settings = settingsFor(proxy, backend.port, port);
  const write = (changes: Partial<ProxySettings>) =>
    proxy.prepare(folder, generators[proxy.name]?.({ ...settings, ...changes }) ?? '', adminPort);
  const child = startProxy(proxy, folder, write({}));
  cleanups.push(async () => {
    child.kill('SIGTERM');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  return { backend, port, write, reload: () => proxy.reload(child, folder, adminPort) };
}

/** Caddy has no idle limit, and before 2.7 nothing lets a socket outlive a reload. */
function expectations({ name }: RealProxy) {
  return {
    endsSilence: name !== 'caddy',
    outlivesReload: name !== 'caddy' || isAtLeast(caddyVersion(), [2, 7]),
  };
}

describe.concurrent.each(realProxies)('the configuration for $name, running', (proxy) => {
  it.runIf(requirePeer(proxy.program))(
    'holds a socket that beats through silence, a reload and a restart of the application',
    { timeout: 120_000 },
    async () => {
      const { endsSilence, outlivesReload } = expectations(proxy);
      const { backend, port, write, reload } = await stand(proxy);

      const beating = await Client.open(port, '/ws');
      const silent = await Client.open(port, '/ws/silent');
      // The idle limit is three heartbeats, rounded up to whole seconds: it ends the silent socket alone.
      if (endsSilence) expect(await silent.closedWithin(20_000)).toBe(1006);
      else await beating.pings(5);
      expect(await beating.echo('after the silence')).toBe('after the silence');

      write({ path: '/' });
      reload();
      const fresh = await Client.open(port, '/only-after-the-reload');
      if (outlivesReload) expect(await beating.echo('after the reload')).toBe('after the reload');
      else expect(await beating.closed).toBe(1001);

      await backend.stop();
      await fresh.closed;
      expect(await Client.refused(port, '/ws')).toBeGreaterThanOrEqual(502);
      const restarted = await startBackend(heartbeatMs, backend.port);
      cleanups.push(() => restarted.stop());
      const back = await Client.open(port, '/ws');
      expect(await back.echo('after the restart')).toBe('after the restart');
      for (const client of [beating, silent, fresh, back]) client.end();
    },
  );
});
