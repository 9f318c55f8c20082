import type { UpgradeMeasured, WayMeasurements } from '../measurements.ts';
import type { Refusal } from '../probe/handshake.ts';
import { TLS_ALERT } from '../probe/response-head.ts';
import { describeOutcome } from '../steps/describe.ts';
import { authorOf, type Finding, opens, productOf, type Rule } from './finding.ts';

type Answered = Extract<Refusal, { kind: 'answered' }>;

/** Rules about the answer to the handshake that a browser would have sent. */
export const handshakeRules: readonly Rule[] = [
  {
    part: 'upgrade',
    hop: 'compared',
    find(way, _asked, other) {
      const first = way.upgrade?.attempts[0]?.outcome;
      if (!way.upgrade || !first || first.kind === 'open') return null;
      return first.kind === 'answered'
        ? answeredFinding(way, way.upgrade, first, other)
        : brokenFinding(way, first);
    },
  },
];

/** There was no usable HTTP answer. */
function brokenFinding(way: WayMeasurements, outcome: Exclude<Refusal, Answered>): Finding {
  const evidence = [`The handshake met ${describeOutcome(outcome)}.`];
  const product = productOf(way);
  switch (outcome.kind) {
    case 'not-http':
      return outcome.sample === TLS_ALERT
        ? { id: 'tls-needed', hop: 'tls', confidence: 'high', evidence }
        : { id: 'garbage', hop: 'server', confidence: 'medium', evidence };
    case 'endless':
      return { id: 'endless', hop: 'server', confidence: 'medium', evidence };
    case 'bad-accept':
      return { id: 'bad-accept', hop: product ? 'proxy' : 'server', confidence: 'medium', evidence };
    case 'silent':
      return silentFinding(way, evidence);
    case 'no-line':
      if (outcome.code === 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED') {
        return { id: 'not-authorized', hop: 'tls', confidence: 'high', evidence: [...evidence, WANTS_ONE] };
      }
      return outcome.phase === 'tls'
        ? {
            id: 'tls-failed',
            hop: 'tls',
            confidence: 'medium',
            evidence: [...evidence, `${outcome.message}.`],
          }
        : { id: 'upgrade-cut', hop: product ? 'proxy' : 'server', confidence: 'low', evidence };
    case 'closed':
      return {
        id: 'upgrade-cut',
        hop: product ? 'proxy' : 'server',
        confidence: 'low',
        evidence,
        topic: 'capacity',
      };
  }
}

const WANTS_ONE = 'The client is asked for a certificate of its own, which this run and most browsers lack.';
/** nginx, in its page for ssl_verify_client. */
const NO_CLIENT_CERTIFICATE = /No required SSL certificate was sent|The SSL certificate error/;

function silentFinding(way: WayMeasurements, evidence: readonly string[]): Finding {
  const firstHopAnswers = way.answerer?.statuses.some((status) => status !== null) ?? false;
  return {
    id: 'backend-silent',
    hop: 'server',
    // A proxy may still be trying; a bare server that answers one request and not the other is the cause.
    confidence: way.answerer?.bareNode ? 'high' : 'medium',
    evidence: firstHopAnswers
      ? [...evidence, 'A malformed request is answered at once, so the first hop lives.']
      : evidence,
  };
}

function answeredFinding(
  way: WayMeasurements,
  upgrade: UpgradeMeasured,
  answer: Answered,
  other: WayMeasurements | null,
): Finding {
  const { status } = answer;
  const author = authorOf(answer);
  const product = productOf(way);
  const evidence = [`The handshake was answered with ${describeOutcome(answer)}.`];
  if (author) evidence.push(`The page is ${author}'s own, so the server behind it did not write it.`);
  else if (product) evidence.push(`${product} stands on the way.`);
  if (PLAIN_ON_TLS.test(answer.bodyStart)) {
    return { id: 'tls-needed', hop: 'tls', confidence: 'high', evidence };
  }
  const byProxy = { hop: author ? 'proxy' : 'server', confidence: author ? 'high' : 'medium' } as const;
  if (NO_CLIENT_CERTIFICATE.test(answer.bodyStart)) {
    return { id: 'not-authorized', ...byProxy, evidence: [...evidence, WANTS_ONE] };
  }
  if (status === 401 || status === 403 || status === 407) {
    if (upgrade.attempts[1]?.outcome.kind !== 'open') return { id: 'not-authorized', ...byProxy, evidence };
    evidence.push('The same handshake without Origin is let in.');
    return { id: 'origin-refused', hop: 'server', confidence: 'high', evidence };
  }
  if (status >= 300 && status < 400) return { id: 'redirected', ...byProxy, evidence };
  if (status === 429 || (status === 503 && author === 'nginx')) {
    return { id: 'rate-limited', ...byProxy, confidence: 'medium', evidence };
  }
  if (status >= 500 && status !== 501) {
    return serverSideFinding(status, upgrade.attempts[0]?.ms ?? 0, author ?? product, evidence);
  }
  return notUpgradedFinding(upgrade, answer, { product, author, directOpens: opens(other) }, evidence);
}

/** nginx, Apache and Go say so in these words. */
const PLAIN_ON_TLS =
  /plain HTTP request was sent to HTTPS port|speaking plain HTTP to an SSL|sent an HTTP request to an HTTPS server/;

/** Cloudflare's own statuses: origin down, timed out, unreachable, its TLS failed, its certificate is bad, no route. */
const NO_ORIGIN: ReadonlySet<number> = new Set([521, 522, 523, 525, 526, 530]);

/** Whoever gives up sooner than this has not waited for anybody. */
const PATIENCE_MS_MIN = 500;

function serverSideFinding(
  status: number,
  afterMs: number,
  proxy: string | null,
  evidence: readonly string[],
): Finding {
  const common = { hop: 'server', confidence: 'high', evidence } as const;
  if ((status === 504 || status === 524) && afterMs < PATIENCE_MS_MIN) {
    const told = `It came after ${Math.round(afterMs)} ms: nobody waited for the server, as with a timeout of 0.`;
    return { id: 'backend-silent', hop: 'proxy', confidence: 'low', evidence: [...evidence, told] };
  }
  if (status === 504 || status === 524) return { id: 'backend-silent', ...common };
  if (status === 502 || NO_ORIGIN.has(status) || (status === 503 && proxy !== null)) {
    return { id: 'backend-unavailable', ...common };
  }
  return { id: 'server-error', ...common, confidence: 'medium' };
}

/** The request arrived somewhere, but as an ordinary one. */
function notUpgradedFinding(
  upgrade: UpgradeMeasured,
  answer: Answered,
  known: { product: string | null; author: string | null; directOpens: boolean },
  evidence: readonly string[],
): Finding {
  const { status } = answer;
  if (known.author !== null && (status === 404 || status === 410)) {
    return { id: 'not-found', hop: 'proxy', confidence: 'high', evidence };
  }
  if (known.directOpens) return { id: 'upgrade-lost', hop: 'proxy', confidence: 'high', evidence };
  if (status === 404 || status === 410) {
    return { id: 'not-found', hop: 'server', confidence: 'medium', evidence };
  }
  if (status === 426) {
    const told = [...evidence, 'The server asks for the very upgrade that the request held.'];
    const confidence = known.product ? 'high' : 'medium';
    return { id: 'upgrade-lost', hop: 'proxy', confidence, evidence: told };
  }
  if (known.product === 'caddy' && status === 200 && answer.bodyStart === '') {
    const told = [...evidence, 'Caddy answers so by itself, with nothing, where no route takes the path.'];
    return { id: 'not-found', hop: 'proxy', confidence: 'medium', evidence: told };
  }
  if (known.product === null) return { id: 'not-websocket', hop: 'server', confidence: 'medium', evidence };
  const asPlain = upgrade.plainStatus === status;
  const told = asPlain
    ? [...evidence, 'A plain GET gets the same answer, as if the request had held no Upgrade.']
    : evidence;
  return { id: 'upgrade-lost', hop: 'proxy', confidence: asPlain ? 'medium' : 'low', evidence: told };
}
