import { expect, it } from 'vitest';
import { memoryLog } from '../../src/server/create-server.ts';
import type { LogConfig } from '../../src/server/message-log.ts';
import { ResumeTokens } from '../../src/server/resume-token.ts';
import { Bed } from '../client/bed.ts';

const HOUR_MS = 3_600_000;

for (const [what, aheadMs] of [
  ['was set back', -HOUR_MS],
  ['was set forward', HOUR_MS],
] as const) {
  it(`[RES-6, AUTH-3] a token is asked for when it expires, though the clock ${what} since the start`, async () => {
    let wallMs = (): number => 0;
    let asked = 0;
    const token = (): string => `token ${++asked}`;
    const authenticate = (): { id: string; expiresAtMs: number } => ({
      id: 'ann',
      expiresAtMs: wallMs() + HOUR_MS / 4,
    });
    const bed = new Bed({ token }, { authenticate, authorize: () => true });
    const { clock } = bed.serverProcess;
    clock.wallAheadMs = aheadMs;
    wallMs = () => clock.wallMs();
    await bed.until(() => bed.client.status.phase === 'live');
    await bed.pass(HOUR_MS / 4 - 60_000);
    expect(asked).toBe(1);
    await bed.pass(60_000);
    expect(asked).toBe(2);
    expect(bed.server.stats()).toMatchObject({ welcomed: 1, closes: {} });
  });
}

it('[RES-6] resume tokens and messages bear the time of day', async () => {
  const log = memoryLog();
  let config!: LogConfig;
  const { open } = log;
  log.open = (given) => {
    config = given;
    return open.call(log, given);
  };
  const storage = new Map<string, string>();
  const bed = new Bed(
    {
      storage: {
        getItem: (key) => storage.get(key) ?? null,
        setItem: (key, value) => void storage.set(key, value),
      },
    },
    { log },
  );
  const { clock } = bed.serverProcess;
  clock.wallAheadMs = HOUR_MS;
  await bed.until(() => bed.client.status.phase === 'live');
  expect(config.nowMs()).toBe(clock.nowMs() + HOUR_MS);
  await bed.pass(10);
  const kept = [...storage.values()].map((value) => JSON.parse(value) as { token?: string });
  const resumeToken = kept.find(({ token }) => token)!.token!;
  const tokens = new ResumeTokens(await log.key(), 1_000);
  expect(tokens.verify(resumeToken, 'anonymous', clock.wallMs())).toBeDefined();
  expect(tokens.verify(resumeToken, 'anonymous', clock.wallMs() + HOUR_MS)).toBeUndefined();
});
