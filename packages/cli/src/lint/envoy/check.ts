import { cutsSilence, parseDurationMs, sayDuration, sayTooShortFor } from '../durations.ts';
import { Findings, type Checked, type LintContext } from '../finding.ts';
import { at, entryOf, headOf, itemsOf, textAt, walkMaps, type Setting } from '../settings/setting.ts';
import { parseYaml } from '../settings/yaml.ts';
import { InputError, type SourceFile } from '../source-file.ts';
import { webSocketRoutes, type Route } from './routes.ts';

/** Envoy documentation, "How do I configure timeouts?". */
const STREAM_IDLE_DEFAULT_MS = 300_000;
/** Envoy documentation, circuit breaking: for connections, pending requests and requests alike. */
const BREAKER_DEFAULT = 1_024;

/** Checks one configuration of Envoy, bootstrap or resource. Throws an InputError. */
export function checkEnvoy(source: SourceFile, context: LintContext): Checked {
  const documents = parseYaml(source);
  const maps = documents.flatMap((document) => [...walkMaps(document)]);
  if (maps.length === 0) throw new InputError(`${source.path} holds no settings of Envoy.`);
  const findings = new Findings();
  const managers = maps.filter((map) => textAt(map, '@type')?.endsWith('.HttpConnectionManager'));
  const clusters = maps.filter(
    (map) => entryOf(map, 'load_assignment') !== undefined || entryOf(map, 'lb_policy') !== undefined,
  );
  let count = 0;
  for (const manager of managers) {
    const routes = webSocketRoutes(manager, context);
    count += routes.length;
    checkManager(manager, routes, findings);
    for (const route of routes) checkRoute(manager, route, clusters, context, findings);
  }
  return { findings: findings.list, routes: count };
}

function durationAt(setting: Setting | undefined, ...keys: readonly string[]): number | undefined {
  return parseDurationMs(textAt(setting, ...keys) ?? '', Number.NaN);
}

function isZero(setting: Setting): boolean {
  return durationAt(setting) === 0;
}

function upgradeOf(setting: Setting | undefined): Setting | undefined {
  return itemsOf(at(setting, 'upgrade_configs')).find(
    (upgrade) => textAt(upgrade, 'upgrade_type')?.toLowerCase() === 'websocket',
  );
}

/** ENV003, ENV005 and ENV008: what holds for every route of a connection manager. */
function checkManager(manager: Setting, routes: readonly Route[], findings: Findings): void {
  const duration = entryOf(at(manager, 'common_http_protocol_options'), 'max_connection_duration');
  if (duration && !isZero(duration.value))
    findings.add('ENV003', duration.place, 'Every connection ends at this age.');
  const isHttp2Only = textAt(manager, 'codec_type') === 'HTTP2';
  if (isHttp2Only && textAt(manager, 'http2_protocol_options', 'allow_connect') !== 'true') {
    findings.add(
      'ENV005',
      entryOf(manager, 'codec_type')?.place ?? headOf(manager),
      'codec_type is HTTP2, without allow_connect.',
    );
  }
  const buffer = itemsOf(at(manager, 'http_filters')).find((filter) =>
    textAt(filter, 'name')?.endsWith('filters.http.buffer'),
  );
  const hasOwnFilters = routes.every(
    ({ route }) => entryOf(upgradeOf(route) ?? upgradeOf(manager), 'filters') !== undefined,
  );
  if (buffer && !hasOwnFilters)
    findings.add('ENV008', headOf(buffer), 'The buffer filter also stands in the way of upgrades.');
}

function checkRoute(
  manager: Setting,
  { route, name, action }: Route,
  clusters: readonly Setting[],
  context: LintContext,
  findings: Findings,
): void {
  const redirect = entryOf(route, 'redirect');
  if (redirect) {
    findings.add('ENV009', redirect.place, `Clients of ${name} are redirected.`);
    return;
  }
  const upgrade = upgradeOf(action) ?? upgradeOf(manager);
  if (!upgrade) findings.add('ENV001', headOf(manager), `Nothing enables websocket for ${name}.`);
  else if (textAt(upgrade, 'enabled') === 'false')
    findings.add('ENV001', headOf(upgrade), `The upgrade is switched off for ${name}.`);
  checkTimeouts(manager, { route, name, action }, context, findings);
  const cluster = clusters.find((candidate) => textAt(candidate, 'name') === textAt(action, 'cluster'));
  if (cluster) checkCluster(cluster, context, findings);
}

/** ENV002 to ENV004. */
function checkTimeouts(
  manager: Setting,
  { name, action }: Route,
  { heartbeatMs }: LintContext,
  findings: Findings,
): void {
  const own = entryOf(action, 'idle_timeout');
  const general = entryOf(manager, 'stream_idle_timeout');
  const idleMs =
    durationAt(action, 'idle_timeout') ??
    durationAt(manager, 'stream_idle_timeout') ??
    STREAM_IDLE_DEFAULT_MS;
  if (cutsSilence(idleMs, heartbeatMs)) {
    const place = (own ?? general)?.place ?? headOf(manager);
    findings.add(
      'ENV002',
      place,
      `${sayDuration(idleMs)} of silence end a socket of ${name}, ${sayTooShortFor(heartbeatMs)}.`,
    );
  }
  // A zero on the route lifts the limit that the manager sets (Envoy documentation, RouteAction.MaxStreamDuration).
  const lifetime =
    entryOf(at(action, 'max_stream_duration'), 'max_stream_duration') ??
    entryOf(at(manager, 'common_http_protocol_options'), 'max_stream_duration');
  if (lifetime && !isZero(lifetime.value))
    findings.add('ENV003', lifetime.place, `Every socket of ${name} ends at this age.`);
  if (action && durationAt(action, 'timeout') !== 0) {
    findings.add(
      'ENV004',
      entryOf(action, 'timeout')?.place ?? headOf(action),
      `${name} has a response timeout (15 s unless set).`,
    );
  }
}

/** ENV006 and ENV007. */
function checkCluster(cluster: Setting, { connections }: LintContext, findings: Findings): void {
  const name = textAt(cluster, 'name') ?? '';
  const options = [cluster, ...walkMaps(at(cluster, 'typed_extension_protocol_options'))];
  for (const option of options) {
    const http2 = entryOf(option, 'http2_protocol_options');
    if (http2 && textAt(http2.value, 'allow_connect') !== 'true')
      findings.add('ENV006', http2.place, `Cluster ${name} is asked over HTTP/2.`);
  }
  if (connections === undefined) return;
  const threshold = itemsOf(at(cluster, 'circuit_breakers', 'thresholds')).find(
    (one) => (textAt(one, 'priority') ?? 'DEFAULT') === 'DEFAULT',
  );
  for (const key of ['max_connections', 'max_requests']) {
    const entry = entryOf(threshold, key);
    const limit = Number(textAt(threshold, key) ?? BREAKER_DEFAULT);
    if (limit < connections) {
      findings.add(
        'ENV007',
        entry?.place ?? headOf(cluster),
        `Cluster ${name} allows ${limit} (${key}), not ${connections}.`,
      );
    }
  }
}
