import { recognise } from '../../facts/intermediaries.ts';
import { askHttp, type Refusal } from '../probe/handshake.ts';
import type { WayMeasurements } from '../measurements.ts';
import { ok, type Step } from './step.ts';

/**
 * Requests that the first HTTP hop answers itself, because it must not pass them on: RFC 9112,
 * section 3.2 (no Host) and section 5.1 (a header line without a colon). The page gives it away.
 */
const MALFORMED = {
  noHost: 'GET / HTTP/1.1\r\n\r\n',
  brokenLine: (authority: string) => `GET / HTTP/1.1\r\nHost: ${authority}\r\nbroken line\r\n\r\n`,
};

export const answerer: Step = {
  name: 'answerer',
  title: 'Who answers',
  async run(way) {
    const options = { ...way.lineOptions, answerTimeoutMs: Math.min(2_000, way.settings.timeoutMs) };
    const [noHost, brokenLine] = await Promise.all([
      askHttp(way.target, MALFORMED.noHost, options),
      askHttp(way.target, MALFORMED.brokenLine(way.target.authority), options),
    ]);
    const answers = [noHost, brokenLine];
    way.measured.answerer = {
      products: [],
      bareNode: isBareNode(brokenLine),
      statuses: answers.map((answer) => (answer.kind === 'answered' ? answer.status : null)),
    };
    for (const answer of answers) noteProducts(way.measured, answer);
    const { products, bareNode } = way.measured.answerer;
    if (products.length > 0) return ok(products.map(({ id }) => id).join(', '));
    return ok(bareNode ? 'a Node.js server itself' : 'nobody gave a name');
  },
};

/** Adds what the headers and the body of an answer give away. */
export function noteProducts(
  measured: WayMeasurements,
  answer: Refusal | { kind: 'open'; headers: Record<string, readonly string[]> },
): void {
  const headers = 'headers' in answer ? new Map(Object.entries(answer.headers)) : new Map();
  const body = 'bodyStart' in answer ? answer.bodyStart : '';
  const known = measured.answerer ?? { products: [], bareNode: false, statuses: [] };
  const products = new Map(known.products.map(({ id, strength }) => [id, strength]));
  for (const { intermediary, strength } of recognise(headers, body)) {
    if (strength === 'strong' || !products.has(intermediary.id)) products.set(intermediary.id, strength);
  }
  const list = [...products].map(([id, strength]) => ({ id, strength }));
  measured.answerer = {
    ...known,
    products: list.toSorted((a, b) => Number(b.strength === 'strong') - Number(a.strength === 'strong')),
  };
}

/** Node's parser answers a broken line with exactly this, before any handler of the program runs. */
function isBareNode(answer: Refusal): boolean {
  if (answer.kind !== 'answered' || answer.status !== 400 || answer.bodyStart !== '') return false;
  const names = Object.keys(answer.headers);
  return names.length === 1 && answer.headers['connection']?.[0] === 'close';
}
