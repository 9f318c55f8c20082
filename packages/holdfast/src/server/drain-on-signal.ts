import { checkKeys, checkPositive, invalid, shown } from './option-checks.ts';
import type { Logger } from './options.ts';
import { systemClock } from './system-clock.ts';

export interface DrainOnSignalOptions {
  /** Default: SIGTERM, which systemd, Docker and Kubernetes send. */
  signals?: readonly NodeJS.Signals[];
  /** From the signal to the end of the process. Default 25,000, for Kubernetes kills after 30 s. */
  deadlineMs?: number;
}

/** What is left of the deadline for closing what did not move, the log and the port. */
const CLOSING_MS = 3_000;

interface Drainable {
  drain(options: { deadlineMs: number }): Promise<void>;
  close(): Promise<void>;
}

/** What is used of `process`. */
export type SignalSource = Pick<NodeJS.Process, 'on' | 'off' | 'exit'>;

/**
 * Drains and ends the process when it is asked to end (SPEC DRAIN-3). A second signal ends it at once, and so does
 * the deadline, both with code 1. The result takes the listeners away again.
 */
export function drainOnSignal(
  server: Drainable,
  logger: Logger,
  options: DrainOnSignalOptions = {},
  source: SignalSource = process,
): () => void {
  const call = 'drainOnSignal';
  const given = checkKeys('options', options, ['signals', 'deadlineMs'], call);
  const { signals = ['SIGTERM'] } = given;
  if (!Array.isArray(signals)) invalid('signals', `is ${shown(signals)}; it must be a list of signals`, call);
  const deadlineMs = checkPositive('deadlineMs', given.deadlineMs ?? 25_000, call);
  let asked = false;
  const end = async (): Promise<void> => {
    const cancel = systemClock.setTimer(() => {
      logger.warn(`Holdfast: the server was not closed within ${deadlineMs} ms, and is ended now.`);
      source.exit(1);
    }, deadlineMs);
    await server.drain({ deadlineMs: Math.max(deadlineMs - CLOSING_MS, deadlineMs / 2) });
    await server.close();
    cancel();
    source.exit(0);
  };
  const listener = (signal: NodeJS.Signals): void => {
    if (asked) return void source.exit(1);
    asked = true;
    logger.info(
      `Holdfast: ${signal}: clients are asked to move, and the process ends within ${deadlineMs} ms.`,
    );
    end().catch((error: unknown) => {
      logger.warn(`Holdfast: the server could not be closed: ${String(error)}`);
      source.exit(1);
    });
  };
  for (const signal of signals) source.on(signal, listener);
  return () => {
    for (const signal of signals) source.off(signal, listener);
  };
}
