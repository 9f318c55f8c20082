import { parseDurationMs, sayDuration } from '../durations.ts';
import type { Findings, LintContext } from '../finding.ts';
import type { Place } from '../source-file.ts';
import type { NginxDocument } from './document.ts';
import { insertBefore, replaceArguments } from './edits.ts';
import type { Directive } from './parse.ts';
import { sayLocation, type Route } from './routes.ts';
import { argument, effective, effectiveAll, headOf, named } from './scope.ts';

/** systemd starts a service with this many open files unless its unit says more. */
const SYSTEMD_OPEN_FILES = 1_024;
const SHORT_SHUTDOWN_MS = 300_000;
const WORKER_CONNECTIONS_DEFAULT = 512;
/** Two slots per socket, and a tenth to spare for handshakes and health checks. */
const SLOTS_PER_SOCKET = 2.2;
/** An office behind one address may hold as many sockets. */
const GENEROUS_PER_ADDRESS = 100;

/** An include that was passed over may hold what seems to be missing. */
const hasUnread = (block: readonly Directive[]): boolean => named(block, 'include').length > 0;

/** NGX011 to NGX014: what the whole process can hold. A fragment does not show it. */
export function checkProcess(document: NginxDocument, context: LintContext, findings: Findings): void {
  if (document.kind === 'fragment') return;
  const top = [document.directives];
  const events = document.directives.find(({ name }) => name === 'events');
  const start: Place = events ? headOf(events) : { source: document.root, start: 0, end: 0 };
  const shutdown = effective(top, 'worker_shutdown_timeout');
  const shutdownMs = parseDurationMs(argument(shutdown) ?? '', 1_000);
  if (!shutdown && !hasUnread(document.directives))
    findings.add('NGX011', start, 'worker_shutdown_timeout is not set.');
  if (shutdown && shutdownMs !== undefined && shutdownMs < SHORT_SHUTDOWN_MS) {
    const message = `All sockets are cut ${sayDuration(shutdownMs)} after each reload.`;
    findings.add('NGX012', headOf(shutdown), message);
  }
  checkConnections(document, events, context, start, findings);
}

function checkConnections(
  document: NginxDocument,
  events: Directive | undefined,
  { connections, cores }: LintContext,
  start: Place,
  findings: Findings,
): void {
  const line = effective([events?.block ?? []], 'worker_connections');
  const perWorker = Number(argument(line) ?? WORKER_CONNECTIONS_DEFAULT);
  const own = argument(effective([document.directives], 'worker_processes'));
  if (!line && hasUnread(events?.block ?? [])) return;
  if ((!line || own === undefined) && hasUnread(document.directives)) return;
  const processes = own ?? '1';
  const workers = processes === 'auto' ? cores : Number(processes);
  if (!Number.isFinite(perWorker) || !(workers > 0)) return;
  if (connections !== undefined && perWorker * workers < connections * 2) {
    const wanted = Math.ceil((connections * SLOTS_PER_SOCKET) / workers);
    const message = `${workers} × ${perWorker} slots hold ${Math.floor((workers * perWorker) / 2)} sockets, not ${connections}.`;
    const edits = line ? [replaceArguments(line, String(wanted))] : [];
    findings.add('NGX013', line ? headOf(line) : start, message, edits);
  }
  checkOpenFiles(document, line, perWorker, findings);
}

function checkOpenFiles(
  document: NginxDocument,
  line: Directive | undefined,
  perWorker: number,
  findings: Findings,
): void {
  const limit = effective([document.directives], 'worker_rlimit_nofile');
  const files = limit ? Number(argument(limit)) : SYSTEMD_OPEN_FILES;
  if (!line || perWorker <= files) return;
  const message = limit
    ? `worker_rlimit_nofile ${files} is below worker_connections ${perWorker}.`
    : `worker_connections ${perWorker} needs more than the ${files} files that systemd gives.`;
  const wanted = String(Math.max(65_535, perWorker * 2));
  const events = line.parent;
  const added = events ? [insertBefore(events, `worker_rlimit_nofile ${wanted};`)] : [];
  const edits = limit ? [replaceArguments(limit, wanted)] : added;
  findings.add('NGX014', headOf(line), message, edits);
}

/** NGX015 and NGX016: limits that were made for requests, in the way of held sockets. */
export function checkLimits(document: NginxDocument, route: Route, findings: Findings): void {
  const where = sayLocation(route.location);
  const answersBusy = argument(effective(route.levels, 'limit_conn_status')) === '429';
  for (const limit of effectiveAll(route.levels, 'limit_conn')) {
    const isGenerous = answersBusy && Number(argument(limit, 1)) >= GENEROUS_PER_ADDRESS;
    if (isGenerous || !isKeyedByAddress(document, argument(limit))) continue;
    findings.add('NGX015', headOf(limit), `At most ${argument(limit, 1)} sockets per address in ${where}.`);
  }
  for (const limit of effectiveAll(route.levels, 'limit_req')) {
    const words = limit.args.map(({ value }) => value);
    const hasBurst = words.some((word) => word.startsWith('burst='));
    const isDelayed = !words.some((word) => word === 'nodelay' || word.startsWith('delay='));
    if (hasBurst && !isDelayed) continue;
    findings.add('NGX016', headOf(limit), `limit_req in ${where} has no ${hasBurst ? 'nodelay' : 'burst'}.`);
  }
}

function isKeyedByAddress(document: NginxDocument, zone: string | undefined): boolean {
  const definition = named(document.all, 'limit_conn_zone').find(({ args }) =>
    args.some(({ value }) => value.startsWith(`zone=${zone}:`)),
  );
  // The zone of a fragment stands in another file; most are keyed by address.
  return definition === undefined || /remote_addr|x_forwarded_for|x_real_ip/.test(argument(definition) ?? '');
}
