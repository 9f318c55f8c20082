import type { HoldfastServer, ServerOptions, Verdict } from 'holdfast/server';
import { expect, vi } from 'vitest';
import { patient } from './ledger.ts';
import { openServer, type RunningServer } from './servers.ts';

/** From here up a verdict must be right. */
export const HIGH_CONFIDENCE = 0.8;

export interface Explaining extends RunningServer {
  /** Why sessions lost their connections, in the order in which it was found out. */
  readonly causes: (Verdict & { readonly session: string })[];
}

/** A server in this process that notes its verdicts. */
export async function openExplaining(options: ServerOptions = {}, host?: string): Promise<Explaining> {
  const running = await openServer(options, host);
  return { ...running, causes: noteCauses(running.server) };
}

export function noteCauses(server: HoldfastServer): Explaining['causes'] {
  const causes: Explaining['causes'] = [];
  server.on('explained', ({ session, cause }) => causes.push({ session: session.id, ...cause }));
  return causes;
}

/** Waits for so many verdicts, and gives the last of them. */
export async function explained({ causes }: Pick<Explaining, 'causes'>, count = 1): Promise<Verdict> {
  await vi.waitFor(() => expect(causes.length).toBeGreaterThanOrEqual(count), patient);
  return causes[count - 1]!;
}

/** What a verdict must be for a test that made its cause itself. */
export function surely(id: Verdict['id']): unknown {
  return expect.objectContaining({ id, confidence: expect.toSatisfy((it: number) => it >= HIGH_CONFIDENCE) });
}

/** Waits until a limit has shown often enough to be certain, and nothing else was seen meanwhile. */
export async function certain({ causes }: Pick<Explaining, 'causes'>, id: Verdict['id']): Promise<Verdict> {
  await vi.waitFor(() => expect(causes).toContainEqual(surely(id)), { ...patient, timeout: 50_000 });
  expect([...new Set(causes.map((cause) => cause.id))].toSorted()).toEqual([id, 'unknown']);
  return causes.find(({ confidence }) => confidence >= HIGH_CONFIDENCE)!;
}
