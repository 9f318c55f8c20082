import { describe, expect, it } from 'vitest';
import {
  decodeNodeMessage,
  encodeNodeMessage,
  type NodeMessage,
} from '../../../src/server/cluster/node-messages.ts';
import { memoryLog } from '../../../src/server/create-server.ts';
import type { LogConfig } from '../../../src/server/message-log.ts';
import { createTestbed } from '../../../src/testing/kit.ts';

/** A server whose log can be out of reach, and a client of it. */
async function openScene(hasNeighbour: boolean) {
  const log = memoryLog();
  const open = log.open.bind(log);
  const scene = {
    trouble: undefined as string | undefined,
    isSilent: false,
    goes: [] as string[],
    phases: [] as string[],
  };
  let heard: LogConfig['heard'] = () => {};
  log.open = (config) => {
    ({ heard } = config);
    return open(config);
  };
  let own: NodeMessage | undefined;
  log.broadcast = (bytes) => {
    const { message } = decodeNodeMessage(bytes)!;
    if (message.kind === 'beat') own = message;
  };
  Object.assign(log, { health: () => scene.trouble });
  const testbed = createTestbed();
  const { server } = testbed.server({ log }, 8080);
  const { client } = testbed.client('ws://virtual:8080/');
  client.onStatus(({ phase, cause }) => phase === 'draining' && scene.goes.push(cause!.text));
  await testbed.clock.until(() => client.status.phase === 'live', 10_000);
  client.onStatus(({ phase }) => scene.phases.push(phase));
  // What another node would say is what this one says, in another's name.
  const beat = (): void => {
    if (hasNeighbour && !scene.isSilent && own)
      heard(encodeNodeMessage({ ...own, from: `${own.from.slice(0, -1)}_` }));
  };
  /** Lets time pass, with the beats of the other node. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      if (passed % 5_000 === 0) beat();
      await testbed.clock.advance(1_000);
    }
  };
  await pass(10_000);
  return { server, client, scene, pass };
}

describe('a node that can’t reach its log', () => {
  it('[CLUSTER-13] asks its clients to move when there is another, after a while, and breaks nothing', async () => {
    const { server, client, scene, pass } = await openScene(true);
    expect(server.clusterStats().nodes).toHaveLength(2);
    scene.trouble = 'Out of reach.';
    await pass(10_000);
    expect(scene.goes).toEqual([]);
    await pass(30_000);
    expect(scene.goes.length).toBeGreaterThan(0);
    expect(scene.goes[0]).toBe('This node can’t reach its log.');
    // There is no other to move to here, and this one does not take it again: it stays where it is.
    expect(client.status.phase).toBe('draining');
    expect(server.stats().refused).toBeGreaterThan(0);
    expect(server.stats().connections).toBe(1);
    scene.trouble = undefined;
    await pass(20_000);
    const before = scene.goes.length;
    await pass(60_000);
    expect(scene.goes).toHaveLength(before);
    expect(client.status.phase).toBe('live');
    expect(scene.phases, 'it was never away').not.toContain('waiting');
  });

  it('[CLUSTER-13] has sent them away 17 s after its log was gone', async () => {
    const { scene, pass } = await openScene(true);
    scene.trouble = 'Out of reach.';
    await pass(10_000);
    scene.trouble = undefined;
    await pass(5_000);
    scene.trouble = 'Out of reach.';
    await pass(14_000);
    expect(scene.goes, 'what was before counts for nothing').toEqual([]);
    await pass(3_000);
    expect(scene.goes).not.toEqual([]);
  });

  it.each([
    [30, true],
    [120, false],
  ])(
    '[CLUSTER-13] the other one was silent for %i s before: asks them to move: %s',
    async (seconds, asks) => {
      const { server, scene, pass } = await openScene(true);
      scene.isSilent = true;
      await pass(seconds * 1_000);
      expect(server.clusterStats().nodes).toHaveLength(1);
      scene.trouble = 'Out of reach.';
      await pass(40_000);
      expect(scene.goes.length > 0).toBe(asks);
    },
  );

  it('[CLUSTER-13] keeps its clients when it is alone', async () => {
    const { server, scene, pass } = await openScene(false);
    expect(server.clusterStats().nodes).toHaveLength(1);
    scene.trouble = 'Out of reach.';
    await pass(120_000);
    expect(scene.goes).toEqual([]);
    expect(server.stats().refused).toBe(0);
  });
});
