import type { Figure, Measured } from '../lab/figure.ts';
import type { Lab } from '../lab/lab.ts';
import type { PeerName } from '../peers/peer.ts';

export interface Scenario {
  readonly name: string;
  readonly about: string;
  run(lab: Lab): Promise<Figure[]>;
}

export type Runs = Partial<Record<PeerName, Measured[]>>;

/** Measures the peers in turn, round after round, so that each meets the machine in the same moods. */
export async function inTurn(
  lab: Lab,
  rounds: number,
  measure: (peer: PeerName, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const peer of lab.peers) await measure(peer, round);
  }
}

export function add(runs: Runs, peer: PeerName, measured: Measured): void {
  (runs[peer] ??= []).push(measured);
}
