import { recognise } from '../../facts/intermediaries.ts';
import type { UpgradeAttempt } from '../measurements.ts';
import { askHttp, type Opened, type Refusal } from '../probe/handshake.ts';
import type { Way } from '../way.ts';
import { noteProducts } from './answerer.ts';
import { describeOutcome } from './describe.ts';
import { ms, ok, problem, type Step } from './step.ts';

export const upgrade: Step = {
  name: 'upgrade',
  title: 'WebSocket handshake',
  async run(way) {
    const asBrowser = await attempt(way, way.target.origin);
    const attempts = [asBrowser];
    if (isDenied(asBrowser.outcome)) attempts.push(await attempt(way, null));
    const last = attempts.at(-1) ?? asBrowser;
    way.origin = last.origin;
    for (const { outcome } of attempts) noteProducts(way.measured, outcome);
    const body = asBrowser.outcome.kind === 'answered' ? asBrowser.outcome.bodyStart : '';
    way.measured.upgrade = {
      attempts,
      ownPageOf: recognise(new Map(), body).map(({ intermediary }) => intermediary.id),
      plainStatus: asBrowser.outcome.kind === 'answered' ? await plainStatus(way) : null,
    };
    const told = attempts.map(({ outcome, ms: took }) => `${describeOutcome(outcome)} in ${ms(took)}`);
    const works = asBrowser.outcome.kind === 'open';
    return works ? ok(told.join('; ')) : problem(told.join('; without Origin: '));
  },
};

async function attempt(way: Way, origin: string | null): Promise<UpgradeAttempt> {
  const { outcome, connection, ms: took } = await way.dial({ origin });
  await connection?.close();
  return { origin, outcome, ms: took };
}

function isDenied(outcome: Opened | Refusal): boolean {
  return outcome.kind === 'answered' && (outcome.status === 401 || outcome.status === 403);
}

/** A plain GET of the same address: the same answer hints at a request whose Upgrade got lost. */
async function plainStatus(way: Way): Promise<number | null> {
  const request = `GET ${way.target.resource} HTTP/1.1\r\nHost: ${way.target.authority}\r\nConnection: close\r\n\r\n`;
  const answer = await askHttp(way.target, request, way.lineOptions);
  return answer.kind === 'answered' ? answer.status : null;
}
