import { holdfast, peers } from './algorithms.ts';
import { runStorm, type Outcome, type StormConfig } from './storm.ts';

/** A million clients of eight nodes that take 1,250 handshakes in a second each, as they do by default. */
export const million: StormConfig = {
  clients: 1_000_000,
  downMs: 10_000,
  handshakesPerSecond: 10_000,
  endMs: 310_000,
  seed: 1,
};

/** Holdfast and its peers through the same crash. */
export function runAll(config: StormConfig): Outcome[] {
  // What the servers advertised: their connections, at seven tenths of their budget.
  const returnWindowMs = (config.clients / (config.handshakesPerSecond * 0.7)) * 1_000;
  return [holdfast(returnWindowMs), ...peers].map((algorithm) => runStorm(algorithm, config));
}
