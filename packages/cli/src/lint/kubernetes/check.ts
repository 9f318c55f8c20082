import { cutsSilence, parseDurationMs, sayDuration, sayTooShortFor } from '../durations.ts';
import { Findings, type Checked, type LintContext } from '../finding.ts';
import {
  at,
  entriesOf,
  entryOf,
  headOf,
  textAt,
  textOf,
  walkMaps,
  type Entry,
  type Setting,
} from '../settings/setting.ts';
import { parseYaml } from '../settings/yaml.ts';
import { InputError, type Place, type SourceFile } from '../source-file.ts';
import { soundsLikeWebSocket } from '../websocket-names.ts';

const COMMUNITY = 'nginx.ingress.kubernetes.io/';
const F5 = 'nginx.org/';
const READ_TIMEOUT_DEFAULT_MS = 60_000;
const GRACE_DEFAULT_MS = 30_000;

/** Annotations that hold an idle limit, and what a bare number in them counts. */
const idleAnnotations: Readonly<Record<string, number>> = {
  'service.beta.kubernetes.io/aws-load-balancer-connection-idle-timeout': 1_000,
  'service.beta.kubernetes.io/do-loadbalancer-http-idle-timeout-seconds': 1_000,
  'service.beta.kubernetes.io/azure-load-balancer-tcp-idle-timeout': 60_000,
  'haproxy.org/timeout-tunnel': 1,
  'haproxy-ingress.github.io/timeout-tunnel': 1,
  'nginx.org/proxy-read-timeout': 1_000,
};

/** Checks the objects of one file: Ingress, Service, ConfigMap, BackendConfig and Pod templates. Throws an InputError. */
export function checkKubernetes(source: SourceFile, context: LintContext): Checked {
  const objects = parseYaml(source).flatMap((document) =>
    textAt(document, 'kind') === 'List' ? listItems(document) : [document],
  );
  if (!objects.some((object) => textAt(object, 'kind') !== undefined))
    throw new InputError(`${source.path} holds no object of Kubernetes.`);
  const findings = new Findings();
  const ingresses = objects.filter((object) => textAt(object, 'kind') === 'Ingress');
  const marked = ingresses.filter((ingress) => isAboutWebSocket(ingress, context));
  const judged = marked.length > 0 ? marked : ingresses;
  for (const ingress of judged) {
    if (isCommunityNginx(ingress))
      checkCommunityNginx(ingress, controllerSettings(objects), context, findings);
    else if (hasAnnotation(ingress, F5) || className(ingress) === 'nginx.org') checkF5(ingress, findings);
  }
  for (const object of objects) checkIdleAnnotations(object, context, findings);
  for (const object of objects.filter((one) => textAt(one, 'kind') === 'BackendConfig'))
    checkBackendConfig(object, findings);
  checkShutdown(objects, findings);
  return {
    findings: findings.list,
    routes: judged.length + (judged.length === 0 ? findings.list.length : 0),
  };
}

function listItems(list: Setting): readonly Setting[] {
  const items = at(list, 'items');
  return items?.kind === 'list' ? items.items : [];
}

function annotationsOf(object: Setting): readonly Entry[] {
  return entriesOf(at(object, 'metadata', 'annotations'));
}

function annotation(object: Setting, key: string): Entry | undefined {
  return annotationsOf(object).find((entry) => entry.key === key);
}

function hasAnnotation(object: Setting, prefix: string): boolean {
  return annotationsOf(object).some(({ key }) => key.startsWith(prefix));
}

function nameOf(object: Setting): string {
  return `${textAt(object, 'kind')} ${textAt(object, 'metadata', 'name') ?? ''}`.trim();
}

function className(ingress: Setting): string | undefined {
  return (
    textAt(ingress, 'spec', 'ingressClassName') ??
    textOf(annotation(ingress, 'kubernetes.io/ingress.class')?.value)
  );
}

function isCommunityNginx(ingress: Setting): boolean {
  return hasAnnotation(ingress, COMMUNITY) || (className(ingress) === 'nginx' && !hasAnnotation(ingress, F5));
}

/** By its paths, its services, or an annotation that is only there for WebSockets. */
function isAboutWebSocket(ingress: Setting, { path }: LintContext): boolean {
  const paths = [...walkMaps(at(ingress, 'spec'))];
  const texts = paths
    .flatMap((map) => [textAt(map, 'path'), textAt(map, 'service', 'name')])
    .filter((text) => text !== undefined);
  if (path !== undefined) return texts.some((text) => text.startsWith('/') && path.startsWith(text));
  const isNamed =
    texts.some(soundsLikeWebSocket) || soundsLikeWebSocket(textAt(ingress, 'metadata', 'name') ?? '');
  return (
    isNamed ||
    annotation(ingress, `${COMMUNITY}proxy-read-timeout`) !== undefined ||
    annotation(ingress, `${F5}websocket-services`) !== undefined
  );
}

/** What the ConfigMaps of one file hold: the controller takes from its own what an Ingress leaves open. */
function controllerSettings(objects: readonly Setting[]): readonly Entry[] {
  return objects
    .filter((object) => textAt(object, 'kind') === 'ConfigMap')
    .flatMap((object) => entriesOf(at(object, 'data')));
}

/** NGX025 and NGX028. */
function checkCommunityNginx(
  ingress: Setting,
  general: readonly Entry[],
  { heartbeatMs }: LintContext,
  findings: Findings,
): void {
  const timeout =
    annotation(ingress, `${COMMUNITY}proxy-read-timeout`) ??
    general.find(({ key }) => key === 'proxy-read-timeout');
  const text = textOf(timeout?.value);
  const place = timeout?.place ?? headOf(ingress);
  const idleMs = text === undefined ? READ_TIMEOUT_DEFAULT_MS : parseDurationMs(text, 1_000);
  if (timeout && text !== undefined && !/^\d+$/.test(text)) {
    const edits =
      idleMs === undefined ? [] : [{ place: timeout.value, text: `"${Math.ceil(idleMs / 1_000)}"` }];
    findings.add('NGX025', place, `"${text}" is not a plain number of seconds.`, edits);
  } else if (idleMs === 0) {
    findings.add('NGX025', place, 'proxy-read-timeout is 0, which ends every connection at once.');
  } else if (idleMs !== undefined && cutsSilence(idleMs, heartbeatMs)) {
    const what = timeout ? 'proxy-read-timeout is' : 'proxy-read-timeout is missing, so it is';
    findings.add('NGX025', place, `${what} ${sayDuration(idleMs)}, ${sayTooShortFor(heartbeatMs)}.`);
  }
  for (const limit of ['limit-connections', 'limit-rps', 'limit-rpm']) {
    const entry = annotation(ingress, `${COMMUNITY}${limit}`);
    // To the controller 0 is no limit.
    if (entry && Number(textOf(entry.value)) !== 0)
      findings.add('NGX028', entry.place, `${limit} is ${textOf(entry.value)} per address and replica.`);
  }
}

/** K8S002. */
function checkF5(ingress: Setting, findings: Findings): void {
  if (!annotation(ingress, `${F5}websocket-services`))
    findings.add('K8S002', headOf(ingress), `${nameOf(ingress)} has no nginx.org/websocket-services.`);
}

const ALB_ATTRIBUTES = 'alb.ingress.kubernetes.io/load-balancer-attributes';
const ALB_IDLE_DEFAULT_MS = 60_000;

/** K8S001. */
function checkIdleAnnotations(object: Setting, { heartbeatMs }: LintContext, findings: Findings): void {
  const check = (idleMs: number | undefined, place: Place) => {
    if (idleMs === undefined || !cutsSilence(idleMs, heartbeatMs)) return;
    findings.add(
      'K8S001',
      place,
      `The limit of ${nameOf(object)} is ${sayDuration(idleMs)}, ${sayTooShortFor(heartbeatMs)}.`,
    );
  };
  for (const { key, place, value } of annotationsOf(object)) {
    const unitMs = idleAnnotations[key];
    if (unitMs !== undefined) check(parseDurationMs(textOf(value) ?? '', unitMs), place);
  }
  const attributes = annotation(object, ALB_ATTRIBUTES);
  if (!attributes && className(object) !== 'alb') return;
  const seconds = /idle_timeout\.timeout_seconds=(\d+)/.exec(textOf(attributes?.value) ?? '')?.[1];
  check(seconds ? Number(seconds) * 1_000 : ALB_IDLE_DEFAULT_MS, attributes?.place ?? headOf(object));
}

/** An hour is the least that a user would call a session. */
const LIFETIME_WANTED_S = 3_600;

/** K8S003. */
function checkBackendConfig(config: Setting, findings: Findings): void {
  const timeout = entryOf(at(config, 'spec'), 'timeoutSec');
  const seconds = Number(textOf(timeout?.value) ?? 30);
  if (seconds < LIFETIME_WANTED_S)
    findings.add(
      'K8S003',
      timeout?.place ?? headOf(config),
      `Sockets are cut at the age of ${sayDuration(seconds * 1_000)}.`,
    );
}

/** NGX026: the ConfigMap of the controller against its own Pods, when one file has both. */
function checkShutdown(objects: readonly Setting[], findings: Findings): void {
  const shutdown = controllerSettings(objects).find(({ key }) => key === 'worker-shutdown-timeout');
  const shutdownMs = parseDurationMs(textOf(shutdown?.value) ?? '', 1_000);
  const pods = objects
    .filter((object) => /nginx/.test(textAt(object, 'metadata', 'name') ?? ''))
    .map((object) => at(object, 'spec', 'template', 'spec'));
  const pod = pods.find((spec) => spec !== undefined);
  if (!shutdown || shutdownMs === undefined || !pod) return;
  const graceMs = Number(textAt(pod, 'terminationGracePeriodSeconds') ?? GRACE_DEFAULT_MS / 1_000) * 1_000;
  if (graceMs <= shutdownMs) {
    const message = `worker-shutdown-timeout is ${sayDuration(shutdownMs)}, the grace period of the Pod ${sayDuration(graceMs)}.`;
    findings.add('NGX026', shutdown.place, message);
  }
}
