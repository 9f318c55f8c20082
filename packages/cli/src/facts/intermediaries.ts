import { apache } from './apache.ts';
import { awsAlb, awsApiGateway, awsClb, awsCloudFront, awsNatGateway, awsNlb } from './aws.ts';
import {
  azureAppGateway,
  azureAppService,
  azureFrontDoor,
  azureLoadBalancer,
  azureNatGateway,
} from './azure.ts';
import { squid, varnish } from './caches.ts';
import { caddy } from './caddy.ts';
import { akamai, cloudflare, cloudflareTunnel, fastly, ngrok } from './edges.ts';
import { envoy } from './envoy.ts';
import { googleCloudNat, googleCloudRun, googleHttpsLb } from './google.ts';
import { haproxy } from './haproxy.ts';
import type { FixTopic, Intermediary, Marker, SettingFix } from './intermediary.ts';
import { carrierNat, checkPoint, ciscoAsa, fortinet, homeNat, kubeProxy, paloAlto } from './networks.ts';
import { ingressNginx, nginx, nginxStream } from './nginx.ts';
import { digitalOceanLb, fly, heroku, oracleLb, railway, render, vercel } from './platforms.ts';
import { browserApi, chrome, firefox, linux, nodeHttpServer, systemd } from './systems.ts';
import { traefik } from './traefik.ts';

/** Everything that Holdfast knows of between a client and its server, nearest to the server's own proxy first. */
export const intermediaries: readonly Intermediary[] = [
  [nginx, nginxStream, ingressNginx, haproxy, apache, caddy, envoy, traefik, varnish, squid],
  [awsAlb, awsNlb, awsClb, awsApiGateway, awsCloudFront, awsNatGateway],
  [googleHttpsLb, googleCloudRun, googleCloudNat],
  [azureAppGateway, azureFrontDoor, azureAppService, azureLoadBalancer, azureNatGateway],
  [cloudflare, cloudflareTunnel, fastly, akamai, ngrok],
  [heroku, fly, render, vercel, railway, digitalOceanLb, oracleLb],
  [kubeProxy, paloAlto, ciscoAsa, fortinet, checkPoint, homeNat, carrierNat],
  [linux, systemd, nodeHttpServer, chrome, firefox, browserApi],
].flat();

const byId = new Map(intermediaries.map((intermediary) => [intermediary.id, intermediary]));

export function intermediaryById(id: string): Intermediary | undefined {
  return byId.get(id);
}

export interface Recognition {
  readonly intermediary: Intermediary;
  readonly strength: Marker['strength'];
}

/**
 * Who answered, by the headers (lower-case names, each with its values) and the start of the body.
 * Several can stand in one way, so the answer is a list, strong signs first.
 */
export function recognise(
  headers: ReadonlyMap<string, readonly string[]>,
  bodyStart = '',
): readonly Recognition[] {
  const found: Recognition[] = [];
  for (const intermediary of intermediaries) {
    const signs = intermediary.markers.filter((marker) => matches(marker, headers, bodyStart));
    if (signs.length === 0) continue;
    const strength = signs.some((sign) => sign.strength === 'strong') ? 'strong' : 'weak';
    found.push({ intermediary, strength });
  }
  return found.toSorted((a, b) => Number(b.strength === 'strong') - Number(a.strength === 'strong'));
}

function matches(
  marker: Marker,
  headers: ReadonlyMap<string, readonly string[]>,
  bodyStart: string,
): boolean {
  const { header, pattern } = marker;
  if (header === undefined) return pattern?.test(bodyStart) ?? false;
  const values = headers.get(header) ?? [];
  return values.some((value) => pattern?.test(value) ?? true);
}

/**
 * Whose idle limit lies at this measured time, the confirmed and the closest first. The tolerance is
 * a tenth, at least one second, which is as exact as the measurement promises to be.
 */
export function withIdleLimitNear(idleMs: number): readonly Intermediary[] {
  const tolerance = Math.max(1_000, idleMs / 10);
  const distance = ({ idle }: Intermediary) =>
    idle.kind === 'timer' ? Math.abs(idle.defaultMs - idleMs) : Number.POSITIVE_INFINITY;
  const doubt = ({ idle }: Intermediary) => Number(idle.kind === 'timer' && idle.certainty === 'reported');
  return intermediaries
    .filter((candidate) => distance(candidate) <= tolerance)
    .toSorted((a, b) => doubt(a) - doubt(b) || distance(a) - distance(b));
}

export function fixFor(intermediary: Intermediary, topic: FixTopic): SettingFix | undefined {
  return intermediary.fixes.find((fix) => fix.topic === topic);
}

/** The lines of a fix with the wanted idle time filled in, rounded up to whole seconds. */
export function renderSnippet(fix: SettingFix, idleTimeoutMs: number): string {
  return fix.snippet.replaceAll('{seconds}', String(Math.ceil(idleTimeoutMs / 1_000)));
}

/** An idle limit that a heartbeat of this interval survives: two beats may be lost. Rounded up to 5 s, or 1 s. */
export function idleTimeoutForHeartbeatMs(heartbeatMs: number): number {
  const least = heartbeatMs * 3;
  const step = least >= 15_000 ? 5_000 : 1_000;
  return Math.ceil(least / step) * step;
}

/** A heartbeat that survives this idle limit as it is: under half of it, so that one lost beat costs nothing. */
export function heartbeatForIdleTimeoutMs(idleTimeoutMs: number): number {
  const safe = idleTimeoutMs * 0.45;
  if (safe >= 25_000) return 25_000;
  return safe >= 1_000 ? Math.floor(safe / 500) * 500 : Math.max(1, Math.floor(safe));
}
