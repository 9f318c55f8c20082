import { setTimeout as pause } from 'node:timers/promises';
import type { Client } from 'holdfast/client';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { RawClient, helloRecord } from '../packages/holdfast/test/server/raw-client.ts';
import { requirePeer } from './peers.ts';
import type { ClientCalls } from './programs/client.ts';
import type { ServerCalls } from './programs/server.ts';
import { bundlePage, servePage } from './support/browser.ts';
import { startChild } from './support/child.ts';
import { openChromium } from './support/devtools.ts';
import { certain, explained, openExplaining, surely, type Explaining } from './support/explaining.ts';
import { becomes, openClient, patient } from './support/ledger.ts';
import { openNetwork } from './support/network.ts';
import { openChaos } from './support/servers.ts';
import { haproxy, nginx, NGINX_UPGRADE, type Proxy } from './zoo/proxies.ts';

/** Notices a dead connection within seconds, on both sides. */
const quick = { heartbeat: { intervalMs: 1_000, graceMs: 2_000 } };

/** Says something a little while after each welcome, each time later, so that ages differ where silences are equal. */
function talk(client: Client, stepMs: number): void {
  let welcomes = 0;
  let wasLive = false;
  client.onStatus(({ phase }) => {
    if (phase === 'live' && !wasLive) {
      setTimeout(() => client.signal('news', 'still here'), stepMs * ++welcomes);
    }
    wasLive = phase === 'live';
  });
}

/** What the client was told. */
async function told(client: Client, code: string): Promise<void> {
  await vi.waitFor(() => expect(client.status.cause).toMatchObject({ code }), patient);
}

/** A proxy's address; the proxy ends with the test. */
function behind(proxy: Proxy<never> | Proxy): string {
  onTestFinished(() => proxy.stop());
  return proxy.url;
}

async function openBehind(url: (port: number) => Promise<string>): Promise<Explaining & { client: Client }> {
  const running = await openExplaining();
  const { client } = openClient(await url(running.port));
  return { ...running, client };
}

describe.runIf(requirePeer('nginx', 'haproxy'))('proxies that cut what is silent', () => {
  it('[CAUSE-3, CAUSE-4] nginx after 2 s, HAProxy after 3 s: named once it repeats, then certain', async () => {
    const scenes = {
      2: await openBehind(async (port) => {
        const location = `proxy_pass http://127.0.0.1:${port}; ${NGINX_UPGRADE} proxy_read_timeout 2s;`;
        return behind(await nginx({ location }));
      }),
      3: await openBehind(async (port) =>
        behind(
          await haproxy(
            (bind) => `
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  timeout tunnel 3s
frontend web
  bind ${bind}
  default_backend app
backend app
  server app 127.0.0.1:${port}
`,
          ),
        ),
      ),
    };
    await Promise.all(
      Object.entries(scenes).map(async ([seconds, scene]) => {
        talk(scene.client, 350);
        const verdict = await certain(scene, 'idle-cut-by-intermediary');
        expect(verdict.seconds).toBe(Number(seconds));
        expect(scene.causes.slice(0, 2).map(({ id }) => id)).toEqual(['unknown', 'unknown']);
        await told(scene.client, 'idle-cut-by-intermediary');
      }),
    );
  });
});

it('[CAUSE-3, CAUSE-4] a cut at an age, in the midst of traffic', async () => {
  const running = await openExplaining();
  const path = await openChaos(running.port);
  await path.set({ lifetimeCutMs: 2_000 });
  const { client } = openClient(path.url('ws'));
  const chatter = setInterval(() => client.signal('news', 'on and on'), 370);
  const sure = certain(running, 'lifetime-cut-by-intermediary');
  const verdict = await sure.finally(() => clearInterval(chatter));
  expect(verdict.seconds).toBe(2);
  await told(client, 'lifetime-cut-by-intermediary');
});

it('[CAUSE-3] kill -9 of the server', async () => {
  let server = await startChild<ServerCalls>('server');
  let port = await server.call('listen', 0);
  const path = await openChaos(() => port);
  const { client } = openClient(path.url('ws'));
  await becomes(client, 'live');
  await server.kill();
  server = await startChild<ServerCalls>('server');
  port = await server.call('listen', 0);
  await told(client, 'server-crash');
  expect(client.status.cause).toMatchObject({ confidence: 0.9 });
  expect((await server.call('stats')).causes).toEqual({ 'server-crash': 1 });
});

it('[CAUSE-3] a server that does not run for a while', async () => {
  const server = await startChild<ServerCalls>('server');
  // Else it would send away who comes back to it, having been so slow.
  const port = await server.call('listen', 0, { ...quick, watermarks: false });
  const { client } = openClient(`ws://127.0.0.1:${port}/`);
  await becomes(client, 'live');
  server.signal('SIGSTOP');
  await becomes(client, 'suspect');
  // One that runs again within the grace loses nobody.
  await becomes(client, 'connecting');
  server.signal('SIGCONT');
  await told(client, 'overload');
  expect((await server.call('stats')).causes).toEqual({ overload: 1 });
});

it('[CAUSE-3] a drain', async () => {
  const running = await openExplaining();
  const { client } = openClient(`ws://127.0.0.1:${running.port}/`);
  await becomes(client, 'live');
  await running.server.drain({ deadlineMs: 500 });
  expect(await explained(running)).toEqual(surely('server-drain'));
});

describe.runIf(requirePeer('chromium'))('a page in Chromium', () => {
  it('[CAUSE-3] that the browser freezes', async () => {
    const running = await openExplaining(quick);
    const [openTab, url] = await Promise.all([openChromium(), servePage(await bundlePage())]);
    const endpoint = encodeURIComponent(`ws://127.0.0.1:${running.port}/`);
    const tab = await openTab(`${url}?endpoint=${endpoint}`);
    await vi.waitFor(
      async () => expect(await tab.evaluate(() => window.seen?.client.status.phase)).toBe('live'),
      patient,
    );
    await tab.freeze();
    await vi.waitFor(() => expect(running.server.stats().connections).toBe(0), patient);
    await tab.resume();
    expect(await explained(running)).toEqual(surely('tab-frozen'));
    await vi.waitFor(
      async () => expect(await tab.evaluate(() => window.seen.client.status.cause?.code)).toBe('tab-frozen'),
      patient,
    );
  });
});

describe.runIf(requirePeer('netns', 'ip', 'nft'))('a network', () => {
  async function openAcross() {
    const network = openNetwork();
    const running = await openExplaining(quick, network.hostAddress);
    const client = await startChild<ClientCalls>('client', { within: network.within });
    await client.call('connect', `ws://${network.hostAddress}:${running.port}/`);
    await vi.waitFor(async () => expect((await client.call('status')).phase).toBe('live'), patient);
    return { network, running, client };
  }
  async function isSuspect(client: Awaited<ReturnType<typeof openAcross>>['client']): Promise<void> {
    await vi.waitFor(async () => expect(await client.call('phases')).toContain('suspect'), patient);
  }

  it('[CAUSE-3] that loses all packets for a while', async () => {
    const { network, running, client } = await openAcross();
    network.drop(100);
    await isSuspect(client);
    await pause(4_500);
    network.drop(0);
    expect(await explained(running)).toEqual(surely('network-lost'));
  });

  it('[CAUSE-3] in which the client gets another address', async () => {
    const { network, running, client } = await openAcross();
    network.readdress();
    await isSuspect(client);
    expect(await explained(running)).toEqual(surely('network-changed'));
  });
});

it('[CAUSE-3] a connection that is dead while another gets through', async () => {
  const running = await openExplaining(quick);
  let isDead = false;
  const [dead, good] = [await openChaos(running.port), await openChaos(running.port)];
  const { client } = openClient(() => (isDead ? good : dead).url('ws'));
  await becomes(client, 'live');
  isDead = true;
  await dead.set({ blackHole: 'both' });
  expect(await explained(running)).toEqual(surely('half-open'));
  await told(client, 'half-open');
});

it('[CAUSE-3] a process that is stopped (SIGSTOP) as a device that sleeps', async () => {
  const running = await openExplaining(quick);
  const client = await startChild<ClientCalls>('client');
  await client.call('connect', `ws://127.0.0.1:${running.port}/`);
  await vi.waitFor(async () => expect((await client.call('status')).phase).toBe('live'), patient);
  client.signal('SIGSTOP');
  await vi.waitFor(() => expect(running.server.stats().connections).toBe(0), patient);
  // Less than this may be a busy moment.
  await pause(6_000);
  client.signal('SIGCONT');
  expect(await explained(running)).toEqual(surely('device-slept'));
});

it('[CAUSE-3] a token that is not renewed', async () => {
  // The client says so.
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  // A token is waited for until half a minute after its time: this one has a second left of that.
  const running = await openExplaining({
    authenticate: ({ token }) => ({
      id: 'ann',
      ...(token === 'old' && { expiresAtMs: Date.now() - 29_000 }),
    }),
    authorize: () => true,
  });
  let asked = 0;
  const token = async (): Promise<string> => {
    if (++asked === 2) throw new Error('The issuer is out of order.');
    return asked === 1 ? 'old' : 'new';
  };
  const { client } = openClient(`ws://127.0.0.1:${running.port}/`, { token });
  expect(await explained(running)).toEqual(surely('auth-expired'));
  await told(client, 'auth-expired');
});

it('[CAUSE-3] a session that the application ends, and one whose client does', async () => {
  const running = await openExplaining();
  running.server.on('connect', ({ session }) => session.close('You were thrown out.'));
  openClient(`ws://127.0.0.1:${running.port}/`);
  expect(await explained(running)).toEqual(surely('server-closed'));
  const other = await openExplaining();
  const { client } = openClient(`ws://127.0.0.1:${other.port}/`);
  await becomes(client, 'live');
  client.close();
  expect(await explained(other)).toEqual(surely('client-closed'));
});

it('[CAUSE-3] a session that is opened elsewhere', async () => {
  const running = await openExplaining();
  const items = new Map<string, string>();
  // Two tabs of a browser that made a copy of the first.
  const storage = {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
  };
  const url = `ws://127.0.0.1:${running.port}/`;
  const { client } = openClient(url, { storage });
  await becomes(client, 'live');
  openClient(url, { storage });
  await becomes(client, 'failed');
  expect(await explained(running)).toEqual(surely('superseded'));
});

it('[CAUSE-3] messages that are too big, or no messages at all', async () => {
  const running = await openExplaining({ limits: { messageBytesMax: 100_000 } });
  const big = await RawClient.connect(running.port);
  big.sendBytes(new Uint8Array(100_001));
  await big.end();
  expect(await explained(running)).toEqual(surely('too-big'));
  const garbled = await RawClient.connect(running.port);
  garbled.sendBytes(Uint8Array.of(0, 1, 2));
  await garbled.end();
  expect(await explained(running, 2)).toEqual(surely('protocol-error'));
  // Who comes back is told the same.
  const { resumeToken, node } = garbled.welcome;
  const back = await RawClient.dial(running.port);
  back.send(helloRecord({ connection: 2, resumeToken, node }), {
    type: 'flight',
    connection: 1,
    openMs: 20,
    silentInMs: 5,
    silentOutMs: 1,
    endedBy: 'peer',
    code: 4000,
    hints: 0,
    sleptMs: 0,
    attempts: 0,
    agoMs: 10,
  });
  expect(await back.next('cause')).toMatchObject({ id: 'protocol-error', confidence: 98 });
});
