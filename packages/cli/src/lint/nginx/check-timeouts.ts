import { idleTimeoutForHeartbeatMs } from '../../facts/intermediaries.ts';
import { cutsSilence, parseDurationMs, sayDuration, sayTooShortFor } from '../durations.ts';
import type { Findings, LintContext } from '../finding.ts';
import type { NginxDocument } from './document.ts';
import { replaceArguments, setInRoute } from './edits.ts';
import type { Directive } from './parse.ts';
import { sayLocation, type Route } from './routes.ts';
import { argument, effective, enclosing, headOf, isOn, levelsOf, named } from './scope.ts';

const READ_TIMEOUT_DEFAULT_MS = 60_000;
const STREAM_TIMEOUT_DEFAULT_MS = 600_000;
const LONG_SILENCE_MS = 4 * 3_600_000;

/** The idle limit to write when the present one is too short, as nginx spells it. */
function wantedTimeout(heartbeatMs: number | undefined): string {
  return heartbeatMs === undefined ? '1h' : `${idleTimeoutForHeartbeatMs(heartbeatMs) / 1_000}s`;
}

/** To nginx 0 is no time at all, where other proxies take it as no limit. */
function endsSilence(idleMs: number, heartbeatMs: number | undefined): boolean {
  return idleMs === 0 || cutsSilence(idleMs, heartbeatMs);
}

function sayLimit(idleMs: number, heartbeatMs: number | undefined): string {
  return idleMs === 0
    ? '0, which ends every connection at once'
    : `${sayDuration(idleMs)}, ${sayTooShortFor(heartbeatMs)}`;
}

/** NGX009, NGX010 and NGX020: how long a silent socket may live, and how a dead one is found. */
export function checkRouteTimeouts(route: Route, { heartbeatMs }: LintContext, findings: Findings): void {
  const line = effective(route.levels, 'proxy_read_timeout');
  const idleMs = line ? parseDurationMs(argument(line) ?? '', 1_000) : READ_TIMEOUT_DEFAULT_MS;
  const listens = listensOf(route);
  if (idleMs !== undefined && endsSilence(idleMs, heartbeatMs)) {
    const source = line ? 'proxy_read_timeout' : 'the default of proxy_read_timeout';
    findings.add(
      'NGX009',
      headOf(line ?? route.pass),
      `In ${sayLocation(route.location)} ${source} is ${sayLimit(idleMs, heartbeatMs)}.`,
      [setInRoute(route, 'proxy_read_timeout', wantedTimeout(heartbeatMs))],
    );
  }
  const bare = listens.filter((listen) => !hasParameter(listen, 'so_keepalive'));
  if (
    line &&
    idleMs !== undefined &&
    idleMs > LONG_SILENCE_MS &&
    heartbeatMs === undefined &&
    bare.length > 0
  ) {
    findings.add('NGX010', headOf(line), `A client that vanished stays for ${sayDuration(idleMs)}.`);
  }
  for (const listen of bare) findings.add('NGX020', headOf(listen), 'listen has no so_keepalive.');
  if (!isOn(effective(route.levels, 'proxy_socket_keepalive'))) {
    findings.add(
      'NGX020',
      headOf(route.pass),
      `${sayLocation(route.location)} has no proxy_socket_keepalive.`,
      [setInRoute(route, 'proxy_socket_keepalive', 'on')],
    );
  }
}

/** The listeners on TCP: nginx refuses what belongs to that in one on QUIC or a file. */
export function listensOf({ server }: Route): readonly Directive[] {
  return named(server?.block ?? [], 'listen').filter(
    (directive) => !argument(directive)?.startsWith('unix:') && !hasParameter(directive, 'quic'),
  );
}

export function hasParameter(listen: Directive, name: string): boolean {
  return listen.args.some(({ value }) => value === name || value.startsWith(`${name}=`));
}

/** NGX027: a stream server passes any TCP on; only what listens on a web port is judged. */
export function checkStreams(
  document: NginxDocument,
  { heartbeatMs }: LintContext,
  findings: Findings,
): number {
  const passes = named(document.all, 'proxy_pass').filter(
    ({ parent }) => parent?.name === 'server' && isWebStream(parent),
  );
  for (const pass of passes) {
    const line = effective(levelsOf(pass, document.directives), 'proxy_timeout');
    const idleMs = line ? parseDurationMs(argument(line) ?? '', 1_000) : STREAM_TIMEOUT_DEFAULT_MS;
    if (idleMs === undefined || !endsSilence(idleMs, heartbeatMs)) continue;
    const message = `proxy_timeout is ${sayLimit(idleMs, heartbeatMs)}.`;
    const edits = line
      ? [replaceArguments(line, heartbeatMs === undefined ? '10m' : wantedTimeout(heartbeatMs))]
      : [];
    findings.add('NGX027', headOf(line ?? pass), message, edits);
  }
  return passes.length;
}

function isWebStream(server: Directive): boolean {
  const isStream = enclosing(server, 'stream') !== undefined;
  return (
    isStream &&
    (server.block ?? []).some(
      (line) =>
        line.name === 'listen' &&
        !hasParameter(line, 'udp') &&
        /(^|:)(80|443|8080|8443)$/.test(argument(line) ?? ''),
    )
  );
}
