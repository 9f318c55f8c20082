import { sayDuration } from '../durations.ts';
import type { Findings, LintContext } from '../finding.ts';
import { appendLine } from './edits.ts';
import type { Line, Section } from './parse.ts';
import { durationMs, effective, hasOption, maxconnOf, serverSetting, serversOf, type Way } from './scope.ts';

/** HAP006 to HAP009, HAP013 and HAP014: how many sockets fit, where they go, and what a reload does to them. */
export function checkCapacity(
  ways: readonly Way[],
  global: Section | undefined,
  context: LintContext,
  findings: Findings,
): void {
  if (global) checkGlobal(global, context, findings);
  for (const { front, back } of ways) {
    checkMaxconn(front, context, findings);
    checkServers(back, context, findings);
    checkBalance(back, findings);
  }
}

function checkGlobal(global: Section, context: LintContext, findings: Findings): void {
  const hardStop = effective(global, 'hard-stop-after');
  const spread = effective(global, 'close-spread-time');
  if (!hardStop) findings.add('HAP006', global.head, 'global has no hard-stop-after.');
  else {
    const stopMs = durationMs(hardStop, 1);
    const spreadMs = durationMs(spread, 1);
    if (stopMs !== undefined && (spreadMs === undefined || spreadMs >= stopMs)) {
      const minutes = Math.max(1, Math.floor(stopMs / 6 / 60_000));
      const edits = spread
        ? []
        : [appendLine(global, stopMs > 60_000 ? `close-spread-time ${minutes}m` : 'close-spread-time 1s')];
      findings.add('HAP007', hardStop, `All sockets drop ${sayDuration(stopMs)} after a reload.`, edits);
    }
  }
  checkMaxconn(global, context, findings);
}

function checkMaxconn(section: Section, { connections }: LintContext, findings: Findings): void {
  const line = effective(section, 'maxconn');
  const maxconn = Number(line?.words[1]?.value ?? Number.NaN);
  if (!line || connections === undefined || !(maxconn < connections)) return;
  const word = line.words[1];
  const edits = word ? [{ place: word, text: String(Math.ceil(connections * 1.2)) }] : [];
  findings.add('HAP008', line, `maxconn ${maxconn} is less than ${connections} sockets.`, edits);
}

function checkServers(back: Section, { connections }: LintContext, findings: Findings): void {
  const servers = serversOf(back);
  const limits = servers.map((server) => maxconnOf(back, server) ?? Number.POSITIVE_INFINITY);
  const together = servers.reduce((sum, server, index) => sum + (limits[index] ?? 0) * countOf(server), 0);
  const isEnough = connections !== undefined && together >= connections;
  for (const [index, server] of servers.entries()) {
    const limit = limits[index] ?? Number.POSITIVE_INFINITY;
    if (Number.isFinite(limit) && !isEnough)
      findings.add('HAP009', server, `This server holds at most ${limit} sockets.`);
    if (asksOverHttp2(back, server))
      findings.add('HAP011', server, 'This server is asked over h2 and has no "ws h1".');
  }
}

/** How many servers a line stands for: "server-template app 1-5 …" or "server-template app 5 …" is five. */
function countOf({ words: [keyword, , range] }: Line): number {
  if (keyword?.value !== 'server-template') return 1;
  const [low = 1, high] = (range?.value ?? '').split('-').map(Number);
  return high === undefined ? low : high - low + 1;
}

/** A new connection for a WebSocket falls back to http/1.1 where ALPN has it; one that is shared stays as it is. */
function asksOverHttp2(back: Section, server: Line): boolean {
  if (serverSetting(back, server, 'ws') !== undefined) return false;
  if (serverSetting(back, server, 'proto') === 'h2') return true;
  const alpn = serverSetting(back, server, 'alpn')?.split(',') ?? [];
  const reuse = effective(back, 'http-reuse')?.words[1]?.value ?? 'safe';
  return alpn.includes('h2') && (!alpn.includes('http/1.1') || reuse === 'always' || reuse === 'aggressive');
}

function checkBalance(back: Section, findings: Findings): void {
  const servers = serversOf(back);
  const isSeveral =
    servers.length > 1 || servers.some((server) => server.words[0]?.value === 'server-template');
  if (!isSeveral) return;
  const balance = effective(back, 'balance');
  const algorithm = balance?.words[1]?.value ?? 'roundrobin';
  if (algorithm === 'roundrobin' || algorithm === 'static-rr') {
    const word = balance?.words[1];
    const edits = word ? [{ place: word, text: 'leastconn' }] : [appendLine(back, 'balance leastconn')];
    findings.add(
      'HAP013',
      balance ?? back.head,
      `${back.kind} ${back.name} spreads handshakes by ${algorithm}.`,
      edits,
    );
  }
  if (!hasOption(back, 'redispatch')) {
    findings.add('HAP014', back.head, `${back.kind} ${back.name} has no option redispatch.`, [
      appendLine(back, 'option redispatch'),
    ]);
  }
}
