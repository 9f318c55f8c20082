import { withIdleLimitNear } from '../../facts/intermediaries.ts';
import type { Activity, ActivityKind, IdleMeasured, Trial, WayMeasurements } from '../measurements.ts';
import type { Ending } from '../probe/connection.ts';
import { describeEnding } from '../steps/describe.ts';
import { seconds } from '../steps/step.ts';
import { type Finding, productOf, type Rule } from './finding.ts';
import type { Confidence, Hop } from './verdict-id.ts';

/** Endings this close in time are one event. */
const ONE_MOMENT_MS = 1_000;
/** A limit is harmless to a heartbeat that beats twice within it. */
const BEATS_WITHIN_LIMIT = 2;

/** Rules about what silence and age do to a connection. */
export const idleRules: readonly Rule[] = [
  {
    part: 'idle',
    hop: 'compared',
    find(way, { heartbeatMs }) {
      const { idle } = way;
      if (!idle) return null;
      const busyEnded = idle.busy?.ending ?? null;
      if (busyEnded) return busyEndedFinding(way, idle, busyEnded);
      switch (idle.result.kind) {
        case 'none':
          return null;
        case 'not-tested':
          return notTested();
        case 'inconsistent':
          return random(idle);
        case 'limit': {
          const { limitMs } = idle.result;
          if (heartbeatMs !== null && limitMs >= heartbeatMs * BEATS_WITHIN_LIMIT) return null;
          return activity(idle, 'silent')?.outcome === 'lived'
            ? random(idle)
            : idleFinding(way, idle, limitMs);
        }
      }
    },
  },
];

function notTested(): Finding {
  const evidence = ['No connection could be opened to stay silent.'];
  return { id: 'not-measured', hop: 'none', confidence: 'low', evidence };
}

function random(idle: IdleMeasured): Finding {
  const dead = idle.trials.filter(({ outcome }) => outcome === 'died');
  const evidence = [
    `Connections ended after ${dead.map(({ silentMs }) => seconds(silentMs)).join(', ')} of silence, but others lived longer.`,
    `The first: ${describeEnding(dead[0]?.ending ?? null)}.`,
  ];
  return { id: 'drops-at-random', hop: 'server', confidence: 'low', evidence };
}

/** Silence is not the cause when a busy connection ends too: then it is its age, or one event. */
function busyEndedFinding(way: WayMeasurements, idle: IdleMeasured, ending: Ending): Finding {
  const { busy, activities, result } = idle;
  const ageMs = (busy?.endedAtMs ?? 0) - (busy?.openedAtMs ?? 0);
  const evidence = [`A busy connection ended after ${seconds(ageMs)} too: ${describeEnding(ending)}.`];
  const repeats = activities.filter(({ outcome }) => outcome !== 'not-opened');
  const died = repeats.filter(({ outcome }) => outcome === 'died');
  if (repeats.length > 0 && died.length === repeats.length) {
    return lifetimeFinding(way, ageMs, ending, died, evidence);
  }
  const silentAgain = activity(idle, 'silent');
  if (result.kind === 'limit' && silentAgain?.outcome === 'died') {
    // Pings did not hold it back, but something else did.
    return idleFinding(way, idle, result.limitMs);
  }
  const together = endedTogether(idle);
  evidence.push(
    repeats.length > 0
      ? `Connections opened afterwards outlived that age.`
      : 'The run ended before it could be seen whether that comes again.',
  );
  if (together) evidence.push(`${together} connections of different ages ended within a second.`);
  const confidence: Confidence = together && repeats.length > 0 ? 'high' : 'low';
  const hop: Hop = ending.how === 'close-frame' && !isGoingAway(ending) ? 'server' : hopOfCut(way);
  return {
    id: together ? 'closed-together' : 'drops-at-random',
    hop,
    confidence: downgrade(confidence),
    evidence,
  };
}

function lifetimeFinding(
  way: WayMeasurements,
  ageMs: number,
  ending: Ending,
  died: readonly Activity[],
  evidence: readonly string[],
): Finding {
  const ages = died.map(({ livedMs }) => livedMs);
  const told = [
    ...evidence,
    `Opened anew, ${died.map(({ kind, livedMs }) => `${kind}: ${seconds(livedMs)}`).join(', ')}.`,
  ];
  const messagesTried = died.some(({ kind }) => kind === 'data');
  if (!messagesTried) told.push('Messages were not tried (--send): they might hold it back.');
  const agree = Math.max(...ages, ageMs) - Math.min(...ages, ageMs) <= Math.max(1_000, ageMs / 10);
  const closesItself = ending.how === 'close-frame' && !isGoingAway(ending);
  return {
    id: 'lifetime-limit',
    hop: closesItself ? 'server' : hopOfCut(way),
    confidence: agree && messagesTried && closesItself ? 'high' : agree ? 'medium' : 'low',
    evidence: told,
    limitMs: Math.round(Math.min(...ages, ageMs)),
  };
}

function idleFinding(way: WayMeasurements, idle: IdleMeasured, limitMs: number): Finding {
  const deaths = idle.trials.filter(({ outcome }) => outcome === 'died');
  const seen = deaths.filter(({ noticed }) => noticed === 'during');
  const evidence = [
    limitSentence(idle, limitMs),
    `How it looked: ${describeEnding((seen[0] ?? deaths[0])?.ending ?? null)}.`,
    ...activitySentences(idle),
  ];
  if (seen.length === 0) {
    const tried = idle.activities.filter(
      ({ kind, outcome }) => kind !== 'silent' && outcome !== 'not-opened',
    );
    const heldBack = tried.length === 0 || tried.some(({ outcome }) => outcome === 'lived');
    return heldBack ? forgottenFinding(idle, limitMs, evidence) : mutedFinding(way, limitMs, evidence);
  }
  const { hop, confidence, because } = hopOfIdle(way, idle, seen[0], limitMs);
  return { id: 'idle-limit', hop, confidence, evidence: [...evidence, because], limitMs };
}

/** Nothing was seen until a packet was sent: neither end closed it, so something between them forgot it. */
function forgottenFinding(idle: IdleMeasured, limitMs: number, evidence: readonly string[]): Finding {
  const keepalive = activity(idle, 'tcp-keepalive');
  return {
    id: 'idle-forgotten',
    hop: 'client-network',
    confidence: keepalive?.outcome === 'lived' ? 'high' : 'medium',
    evidence: [...evidence, 'Neither end closed it: a NAT or a firewall on the way forgot it.'],
    limitMs,
    topic: 'half-open',
  };
}

/** However busy, connections fall silent at an age: a process that hangs looks so, and so does a firewall. */
function mutedFinding(way: WayMeasurements, limitMs: number, evidence: readonly string[]): Finding {
  const told =
    'Neither end closed it, and busy ones fell silent too: the server hangs, or its way forgets by age.';
  return {
    id: 'lifetime-limit',
    hop: hopOfCut(way),
    confidence: 'low',
    evidence: [...evidence, told],
    limitMs,
  };
}

function hopOfIdle(
  way: WayMeasurements,
  idle: IdleMeasured,
  death: Trial | undefined,
  limitMs: number,
): { hop: Hop; confidence: Confidence; because: string } {
  const ending = death?.ending;
  if (ending?.how === 'close-frame') {
    const confidence = isGoingAway(ending) ? 'medium' : 'high';
    return { hop: 'server', confidence, because: 'A proxy cuts without a Close frame; the server sent one.' };
  }
  const ping = activity(idle, 'ping');
  const data = activity(idle, 'data');
  if (ping?.outcome === 'died' && data?.outcome === 'lived') {
    return {
      hop: 'server',
      confidence: 'high',
      because: 'A proxy counts every byte; this counts messages only.',
    };
  }
  const product = productOf(way);
  const forwardProxy = tunnelOf(way);
  if (product === null && forwardProxy !== null) {
    return {
      hop: 'client-network',
      confidence: 'medium',
      because: `The forward proxy ${forwardProxy} stands on the way, and nothing else showed itself.`,
    };
  }
  if (product === null && way.answerer?.bareNode) {
    return {
      hop: 'server',
      confidence: 'medium',
      because: 'A bare Node.js server answers, with no proxy before it.',
    };
  }
  const likely = withIdleLimitNear(limitMs);
  if (product !== null && likely.some(({ id }) => id === product)) {
    return {
      hop: 'proxy',
      confidence: 'high',
      because: `It is the idle limit that ${product} has by default.`,
    };
  }
  if (product !== null)
    return { hop: 'proxy', confidence: 'medium', because: `${product} stands on the way.` };
  const names = likely.slice(0, 3).map(({ name }) => name);
  const because = names.length > 0 ? `${names.join(', ')} cut at about this time.` : 'Nobody gave a name.';
  return { hop: 'proxy', confidence: 'low', because };
}

function hopOfCut(way: WayMeasurements): Hop {
  if (productOf(way) !== null) return 'proxy';
  if (tunnelOf(way) !== null) return 'client-network';
  return way.answerer?.bareNode ? 'server' : 'proxy';
}

/** The forward proxy through whose tunnel everything went. */
function tunnelOf({ forwardProxy }: WayMeasurements): string | null {
  return forwardProxy?.outcome === 'tunnel' ? forwardProxy.address : null;
}

function limitSentence({ trials }: IdleMeasured, limitMs: number): string {
  const lived = Math.max(0, ...trials.filter(({ outcome }) => outcome === 'lived').map(({ gapMs }) => gapMs));
  const dead = trials.filter(({ outcome }) => outcome === 'died').length;
  return `Connections die after ${seconds(limitMs)} of silence: ${dead} did, and ${seconds(lived)} was the longest that lived.`;
}

const ACTIVITY_NAMES: Record<ActivityKind, string> = {
  silent: 'silence again',
  ping: 'pings (both directions)',
  pong: 'pongs (client to server only)',
  data: 'messages',
  'tcp-keepalive': 'TCP keepalive',
};

function activitySentences({ activities }: IdleMeasured): readonly string[] {
  const names = (outcome: Activity['outcome']) =>
    activities
      .filter((tried) => tried.outcome === outcome && tried.kind !== 'silent')
      .map(({ kind }) => ACTIVITY_NAMES[kind]);
  const [lived, died] = [names('lived'), names('died')];
  const told: string[] = [];
  if (lived.length > 0) told.push(`What holds it back: ${lived.join(', ')}.`);
  if (died.length > 0) told.push(`What does not: ${died.join(', ')}.`);
  // A pong that nobody asked for goes one way; a ping brings its answer back.
  const oneWay = activities.find(({ kind }) => kind === 'pong')?.outcome;
  const bothWays = activities.find(({ kind }) => kind === 'ping')?.outcome;
  if (oneWay === 'died' && bothWays === 'lived') told.push('Only bytes from the server count.');
  if (oneWay === 'lived') told.push('Bytes from the client alone are enough.');
  return told;
}

function activity({ activities }: IdleMeasured, kind: ActivityKind): Activity | undefined {
  return activities.find((tried) => tried.kind === kind);
}

/** How many connections ended at the moment at which the busy one did; null when it was alone. */
function endedTogether({ busy, trials }: IdleMeasured): number | null {
  const atMs = busy?.endedAtMs;
  if (atMs === null || atMs === undefined) return null;
  const others = trials.filter(
    ({ outcome, endedAtMs }) => outcome === 'died' && Math.abs(endedAtMs - atMs) <= ONE_MOMENT_MS,
  );
  return others.length > 0 ? others.length + 1 : null;
}

function isGoingAway(ending: Ending): boolean {
  return ending.how === 'close-frame' && (ending.code === 1001 || ending.code === 1012);
}

function downgrade(confidence: Confidence): Confidence {
  return confidence === 'high' ? 'medium' : confidence;
}
