import { mkdirSync, writeFileSync } from 'node:fs';
import { drawStorm } from './picture.ts';
import { million, runAll } from './run.ts';
import { backWithinMs, peakShare } from './storm.ts';

const file = new URL('../../docs/storm.svg', import.meta.url);

/** `npm run simulate -- --storm`: a million clients return after a crash; the figures, and the picture in docs/. */
export function simulateStorm(): void {
  const outcomes = runAll(million);
  for (const outcome of outcomes) {
    const { algorithm, attempts, timedOut, gaveUp } = outcome;
    const figures = [
      `at most ${(peakShare(outcome, million) * 100).toFixed(2)} % in 250 ms`,
      `${(attempts / million.clients).toFixed(2)} attempts each`,
      `${timedOut.toLocaleString('en')} timed out`,
      ...[0.5, 0.99, 1].map(
        (share) => `${share * 100} % back ${inSeconds(backWithinMs(outcome, million, share))}`,
      ),
      ...(gaveUp > 0 ? [`${gaveUp.toLocaleString('en')} gave up`] : []),
    ];
    console.log(`${algorithm.name}: ${figures.join(', ')}.`);
  }
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, drawStorm(outcomes, million));
  console.log(`The picture is ${file.pathname}`);
}

function inSeconds(ms: number): string {
  return ms === Infinity ? 'never' : `after ${(ms / 1_000).toFixed(1)} s`;
}
