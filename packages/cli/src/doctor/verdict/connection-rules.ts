import type { ConnectionsMeasured, WayMeasurements } from '../measurements.ts';
import type { Refusal } from '../probe/handshake.ts';
import { describeEnding, describeOutcome } from '../steps/describe.ts';
import { authorOf, type Finding, productOf, type Rule } from './finding.ts';
import type { Confidence, Hop } from './verdict-id.ts';

/** One lost packet proves nothing; a few among some hundred may be a server that was busy for a moment. */
const STALLS_MIN = 3;
const STALLS_SHARE_MIN = 0.03;

/** What ends a connection later than this need not be the message. */
const ANSWER_TO_MESSAGE_MS = 500;

/** Rules about connections that opened. */
export const connectionRules: readonly Rule[] = [
  {
    part: 'subprotocol',
    hop: 'compared',
    find({ subprotocol }) {
      if (!subprotocol) return null;
      const { requested, selected } = subprotocol;
      const agreed = selected === null ? requested.length === 0 : requested.includes(selected);
      if (agreed) return null;
      const evidence = [
        `Asked for: ${requested.join(', ') || 'none'}; chosen: ${selected ?? 'none'}.`,
        selected === null
          ? 'Chromium fails a handshake that chooses none of the subprotocols asked for.'
          : 'A client must fail when the server chooses what was not asked for (RFC 6455, section 4.1).',
      ];
      return { id: 'subprotocol-mismatch', hop: 'server', confidence: 'high', evidence };
    },
  },
  {
    part: 'http2',
    hop: 'compared',
    find({ http2 }) {
      if (!http2?.offersWebSocket || http2.status === 200) return null;
      const evidence = [
        'SETTINGS_ENABLE_CONNECT_PROTOCOL is offered, so browsers open the WebSocket inside HTTP/2.',
        `The extended CONNECT was answered with ${http2.status ?? 'nothing'}, while HTTP/1.1 works.`,
      ];
      const confidence = http2.status === null ? 'medium' : 'high';
      return { id: 'http2-broken', hop: 'proxy', confidence, evidence };
    },
  },
  {
    part: 'ping',
    hop: 'compared',
    find({ ping }) {
      if (!ping) return null;
      if (ping.ending && ping.pinged && ping.pongMs === null) {
        const evidence = [
          `A ping ended the connection, which bore silence before: ${describeEnding(ping.ending)}.`,
        ];
        return { id: 'no-pong', hop: 'server', confidence: 'medium', evidence };
      }
      if (ping.ending) {
        const evidence = [
          `It ended ${Math.round(ping.endedAfterMs ?? 0)} ms after it opened: ${describeEnding(ping.ending)}.`,
        ];
        const confidence = ping.ending.how === 'close-frame' ? 'high' : 'medium';
        return { id: 'closed-at-once', hop: 'server', confidence, evidence };
      }
      if (ping.pongMs !== null) return null;
      const evidence = ['A ping stayed unanswered, although every peer has to answer (RFC 6455, 5.5.2).'];
      if (ping.alive) evidence.push('The closing handshake was answered, so the way itself works.');
      return { id: 'no-pong', hop: 'server', confidence: ping.alive ? 'high' : 'medium', evidence };
    },
  },
  {
    part: 'compression',
    hop: 'compared',
    find({ compression, ping }) {
      if (!compression?.negotiated || ping?.pongMs === null) return null;
      if (compression.pongMs !== null && !compression.ending) return null;
      const evidence = [`With ${compression.extensions}: ${describeEnding(compression.ending)}.`];
      return { id: 'compression-broken', hop: 'server', confidence: 'medium', evidence };
    },
  },
  {
    part: 'echo',
    hop: 'compared',
    find({ echo }, asked) {
      if (!echo || (echo.matchesExpected !== false && !echo.ending)) return null;
      if (!echo.ending) {
        const evidence = [`No answer held "${asked.expect}".`];
        return { id: 'wrong-answer', hop: 'server', confidence: 'high', evidence };
      }
      const afterMs = Math.round(echo.endedAfterMs ?? 0);
      const how = describeEnding(echo.ending);
      const isLate = afterMs > ANSWER_TO_MESSAGE_MS;
      const evidence = isLate
        ? [`${afterMs} ms after the message, which may be another reason, the connection ended: ${how}.`]
        : [`The message ended the connection: ${how}.`];
      return { id: 'wrong-answer', hop: 'server', confidence: isLate ? 'low' : 'medium', evidence };
    },
  },
  {
    part: 'roundTrips',
    hop: 'fixed',
    find({ roundTrips }) {
      if (!roundTrips) return null;
      const { stalls, stallMs, windowMs, medianMs, maxMs, sent, answered } = roundTrips;
      if (stalls < Math.max(STALLS_MIN, answered * STALLS_SHARE_MIN)) return null;
      const evidence = [
        `${stalls} stalls in ${windowMs} ms: the median round trip took ${medianMs.toFixed(1)} ms, the longest ${maxMs.toFixed(0)} ms.`,
        `A stall is an answer ${stallMs} ms later than the fastest tenth; ${answered} of ${sent} pings were counted.`,
      ];
      return { id: 'line-unstable', hop: 'client-network', confidence: 'medium', evidence };
    },
  },
  {
    part: 'sizes',
    hop: 'compared',
    find({ sizes }) {
      const failed = sizes?.failed;
      if (!failed) return null;
      const tooBig = failed.ending?.how === 'close-frame' && failed.ending.code === 1009;
      const evidence = [
        `${sizes.largestBytes === 0 ? 'The short message' : `${sizes.largestBytes} bytes`} came back; ${failed.bytes} bytes did not: ${describeEnding(failed.ending)}.`,
      ];
      return { id: 'message-cut', hop: 'server', confidence: tooBig ? 'high' : 'medium', evidence };
    },
  },
  {
    part: 'connections',
    hop: 'compared',
    find: (way) =>
      way.connections?.refusal ? crowdFinding(way, way.connections, way.connections.refusal) : null,
  },
  { part: 'refusals', hop: 'compared', find: laterRefusalFinding },
];

function crowdFinding(way: WayMeasurements, crowd: ConnectionsMeasured, refusal: Refusal): Finding {
  const { opened, wanted, openedSlowly, openedAlone } = crowd;
  const evidence = [`${opened} of ${wanted} connections opened; then ${describeOutcome(refusal)}.`];
  const blame = blameFor(way, refusal);
  const firstAlone = openedAlone.indexOf(true);
  const comesAndGoes = firstAlone !== -1 && openedAlone.includes(false, firstAlone);
  if (comesAndGoes && !speaksOfRate(refusal)) {
    const refused = openedAlone.filter((isOpen) => !isOpen).length;
    evidence.push(
      `Then ${refused} of ${openedAlone.length} were refused one after another, with none held: it is no limit.`,
      'So it goes when one of several servers behind a balancer is down, or is not the right one.',
    );
    return { id: 'backend-unavailable', hop: 'server', confidence: 'medium', evidence };
  }
  if (openedSlowly) {
    evidence.push('A second later one more was let in while the others were held, so the rate is bounded.');
    // Silence is not how a limit says no: a machine that is too busy, perhaps this one, looks the same.
    const confidence = refusal.kind === 'silent' ? 'low' : blame.confidence;
    return { id: 'rate-limited', ...blame, confidence, evidence, topic: 'rate' };
  }
  if (firstAlone !== -1) {
    evidence.push('After they were closed, a new one was let in: the number at once is bounded.');
    const topic = authorOf(refusal) === 'nginx' ? 'rate' : 'capacity';
    return { id: 'connection-limit', ...blame, evidence, topic };
  }
  evidence.push('After all were closed, a new one was still refused.');
  return { id: 'slots-leaked', hop: 'server', confidence: 'medium', evidence };
}

/** A handshake failed outside the crowd, after another had worked. */
function laterRefusalFinding(way: WayMeasurements): Finding | null {
  const stuck = way.refusals.find(({ retry }) => retry === 'refused');
  if (stuck) {
    const evidence = [
      `In the step "${stuck.step}", with ${stuck.held} connections held: ${describeOutcome(stuck.outcome)}; a second later again.`,
    ];
    const { hop, confidence } = blameFor(way, stuck.outcome);
    if (stuck.held > 0) return { id: 'connection-limit', hop, confidence: 'low', evidence };
    evidence.push('Earlier handshakes worked, and all of those connections had been closed.');
    return {
      id: 'slots-leaked',
      hop: 'server',
      confidence: confidence === 'high' ? 'medium' : confidence,
      evidence,
    };
  }
  const limited = way.refusals.find(({ outcome }) => isLimitStatus(outcome));
  if (!limited) return null;
  const evidence = [
    `In the step "${limited.step}": ${describeOutcome(limited.outcome)}; a second later it was let in.`,
  ];
  const author = authorOf(limited.outcome);
  if (author !== null && !speaksOfRate(limited.outcome)) {
    evidence.push(`The page is ${author}'s own: it had no server for this one.`);
    return { id: 'backend-unavailable', hop: 'server', confidence: 'medium', evidence };
  }
  return { id: 'rate-limited', ...blameFor(way, limited.outcome), evidence, topic: 'rate' };
}

/** Only nginx refuses with 503 what comes too fast; others say so when they have no server for the request. */
function speaksOfRate(outcome: Refusal): boolean {
  return isStatus(outcome, 429) || (isStatus(outcome, 503) && authorOf(outcome) === 'nginx');
}

function isLimitStatus(outcome: Refusal): boolean {
  return isStatus(outcome, 503) || isStatus(outcome, 429);
}

function isStatus(outcome: Refusal, status: number): boolean {
  return outcome.kind === 'answered' && outcome.status === status;
}

function blameFor(way: WayMeasurements, refusal: Refusal): { hop: Hop; confidence: Confidence } {
  if (authorOf(refusal)) return { hop: 'proxy', confidence: 'high' };
  if (refusal.kind === 'answered') return { hop: 'server', confidence: 'medium' };
  return { hop: productOf(way) ? 'proxy' : 'server', confidence: 'medium' };
}
