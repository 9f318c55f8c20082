import { serverCrash } from './crash.ts';
import { cutOf, idleCut, inSeconds, lifetimeCut } from './cuts.ts';
import { asleep, halfOpen, networkChanged, networkLost, stalled } from './line.ts';
import { namedCause, wasClosedBetween } from './named.ts';
import {
  HIGH_CONFIDENCE,
  type CauseId,
  type Evidence,
  type Surroundings,
  type Suspicion,
  type Verdict,
} from './verdict.ts';

/** Below this nobody is helped by a name. */
const NAMED_CONFIDENCE_MIN = 0.5;

/** What explains the signs of others, so that those do not speak against it: a device that sleeps is silent, too. */
const explains: Partial<Record<CauseId, readonly CauseId[]>> = {
  'device-slept': ['network-lost', 'network-changed', 'half-open'],
  'tab-frozen': ['device-slept', 'network-lost', 'network-changed', 'half-open'],
  'network-changed': ['network-lost', 'half-open'],
  overload: ['network-lost', 'half-open'],
};

/**
 * Why a connection ended, from what both sides noted of it. A pure function: what one side made up, or what fits
 * nothing, ends as `unknown`. Two causes that both have something for them take from each other's confidence
 * (SPEC CAUSE-4).
 */
export function explain(evidence: Evidence): Verdict {
  const views = [clientsView(evidence), serversView(evidence)].filter((view) => view !== undefined);
  const named = namedCause(evidence);
  const suspicions = named ? [named] : weighed(evidence);
  const [first, second] = suspicions.toSorted((a, b) => b.confidence - a.confidence);
  const confidence = first ? first.confidence - (second?.confidence ?? 0) / 2 : 0;
  if (!first || confidence < NAMED_CONFIDENCE_MIN) {
    const possible = suspicions.map(({ id, because }) => `Perhaps ${id}: ${because}`);
    return {
      id: 'unknown',
      confidence: 0,
      evidence: [...views, ...betweenText(evidence), ...togetherText(evidence), ...possible],
    };
  }
  const { id, because, fix, seconds } = first;
  return {
    id,
    confidence: Math.round(confidence * 100) / 100,
    evidence: [because, ...views, ...(second ? [`Perhaps ${second.id}: ${second.because}`] : [])],
    ...(fix !== undefined && { fix }),
    ...(seconds !== undefined && { seconds }),
  };
}

/** How far two clocks may have the beginning of one connection apart. */
const APART_MS_MAX = 5_000;

/** Whether both speak of the same connection: what began at another time did not, or one of them makes it up. */
function fits({ client, server, around }: Evidence): boolean {
  if (!client || !server) return true;
  const byClientMs = around.nowMs - client.agoMs - client.openMs;
  const byServerMs = server.endedAtMs - server.openMs;
  // Some clocks stand still while the device sleeps, and all drift a little.
  const apartMaxMs = APART_MS_MAX + client.sleptMs + server.openMs / 1_000;
  return Math.abs(byClientMs - byServerMs) <= apartMaxMs;
}

function weighed(evidence: Evidence): Suspicion[] {
  if (!fits(evidence)) return [];
  const suspicions = [
    asleep,
    networkChanged,
    networkLost,
    halfOpen,
    serverCrash,
    stalled,
    idleCut,
    lifetimeCut,
  ]
    .map((suspect) => suspect(evidence))
    .filter((suspicion) => suspicion !== undefined);
  return suspicions.filter(
    ({ id }) =>
      !suspicions.some((other) => other.confidence >= HIGH_CONFIDENCE && explains[other.id]?.includes(id)),
  );
}

function clientsView({ client }: Evidence): string | undefined {
  if (!client) return undefined;
  const { endedBy, code, openMs, silentInMs } = client;
  const how = {
    peer: `saw it close with code ${code}`,
    timeout: 'gave it up',
    move: 'left it',
    error: 'closed it for an error',
  }[endedBy];
  return `The client ${how} after ${inSeconds(openMs)}, the last ${inSeconds(silentInMs)} without hearing anything.`;
}

function serversView({ server, around }: Evidence): string | undefined {
  if (!server)
    return around.node.state === 'here' ? undefined : `It was a connection to ${otherNode(around)}.`;
  const { reason, endedBy, openMs, silentInMs } = server;
  if (endedBy === 'nobody' || reason === 'superseded') {
    return `On the server it still stood when the client came back, after ${inSeconds(silentInMs)} of silence.`;
  }
  const how = endedBy === 'server' ? `closed it as "${reason}"` : `saw it end with ${reason}`;
  return `The server ${how} after ${inSeconds(openMs)}, the last ${inSeconds(silentInMs)} without hearing anything.`;
}

function otherNode({ node }: Surroundings): string {
  switch (node.state) {
    case 'here':
    case 'unheard':
      return 'another process';
    case 'alive':
      return 'another node, which is still there';
    case 'left':
      return 'another node, which has ended in good order';
    case 'ended':
      return 'another process of this machine, which is no more';
    case 'silent':
      return 'another node, which is not heard any more';
  }
}

function betweenText(evidence: Evidence): string[] {
  if (!wasClosedBetween(evidence)) return [];
  return [
    `Nobody here sent close code ${evidence.client!.code}: something in between did, as proxies do when they are reloaded.`,
  ];
}

function togetherText(evidence: Evidence): string[] {
  const cut = cutOf(evidence);
  const count = cut ? evidence.around.cuts.filter(({ atMs }) => Math.abs(atMs - cut.atMs) < 1_000).length : 0;
  if (count < 3) return [];
  return [
    `${count} others or more ended in the same second: something that all of them pass was restarted or lost its way.`,
  ];
}
