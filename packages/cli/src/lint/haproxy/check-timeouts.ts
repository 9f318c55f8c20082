import { idleTimeoutForHeartbeatMs } from '../../facts/intermediaries.ts';
import { cutsSilence, sayDuration, sayTooShortFor } from '../durations.ts';
import type { Findings, LintContext } from '../finding.ts';
import { appendLine, replaceWord } from './edits.ts';
import type { Line, Section } from './parse.ts';
import { effective, maxconnOf, modeOf, serversOf, timeoutMs, type Way } from './scope.ts';

/** A handshake that waits longer for a slot is given up by its client first. */
const QUEUE_MAX_MS = 30_000;

/** HAP001 to HAP005, HAP010 and HAP018: which timer ends a silent socket, and which one a bad handshake. */
export function checkTimeouts(way: Way, context: LintContext, findings: Findings): void {
  checkTunnel(way, context, findings);
  checkOrdinary(way, findings);
  checkQueue(way.back, findings);
  const { front } = way;
  if (modeOf(front) === 'http' && !effective(front, 'timeout', 'http-request')) {
    findings.add('HAP018', front.head, `${say(front)} waits for ever for the end of a handshake.`, [
      appendLine(front, 'timeout http-request 10s'),
    ]);
  }
}

function say({ kind, name }: Section): string {
  return `${kind} ${name}`;
}

/** The limit of silence that the fix of HAP001 asks for. */
const TUNNEL_WANTED_MS = 3_600_000;

/** The line that sets a tunnel timeout; HAProxy takes 0 as not set. */
function tunnelOf(back: Section): Line | undefined {
  const line = effective(back, 'timeout', 'tunnel');
  return timeoutMs(line) === 0 ? undefined : line;
}

function checkTunnel({ front, back }: Way, { heartbeatMs }: LintContext, findings: Findings): void {
  const tunnel = tunnelOf(back);
  const wanted = heartbeatMs === undefined ? '1h' : `${idleTimeoutForHeartbeatMs(heartbeatMs) / 1_000}s`;
  if (!tunnel) {
    const client = timeoutMs(effective(front, 'timeout', 'client'));
    const server = timeoutMs(effective(back, 'timeout', 'server'));
    const idleMs = Math.min(client ?? Number.POSITIVE_INFINITY, server ?? Number.POSITIVE_INFINITY);
    // Two heartbeats within the ordinary timeout keep a socket alive without a tunnel timeout.
    if (heartbeatMs !== undefined && idleMs >= heartbeatMs * 2) return;
    if (Number.isFinite(idleMs) && idleMs >= TUNNEL_WANTED_MS) return;
    const now = Number.isFinite(idleMs) ? `, so ${sayDuration(idleMs)} of silence end a socket` : '';
    findings.add('HAP001', back.head, `${say(back)} has no timeout tunnel${now}.`, [
      appendLine(back, `timeout tunnel ${wanted}`),
    ]);
    return;
  }
  const tunnelMs = timeoutMs(tunnel);
  if (tunnelMs !== undefined && cutsSilence(tunnelMs, heartbeatMs)) {
    const message = `timeout tunnel is ${sayDuration(tunnelMs)}, ${sayTooShortFor(heartbeatMs)}.`;
    findings.add('HAP002', tunnel, message, replaceWord(tunnel, 2, wanted));
  }
  if (!effective(front, 'timeout', 'client-fin')) {
    findings.add('HAP003', tunnel, `${say(front)} has no timeout client-fin.`, [
      appendLine(front, 'timeout client-fin 30s'),
    ]);
  }
}

function checkOrdinary({ front, back }: Way, findings: Findings): void {
  const client = effective(front, 'timeout', 'client');
  const server = effective(back, 'timeout', 'server');
  if (!client)
    findings.add('HAP004', front.head, `${say(front)} has no timeout client.`, [
      appendLine(front, 'timeout client 30s'),
    ]);
  if (!server)
    findings.add('HAP004', back.head, `${say(back)} has no timeout server.`, [
      appendLine(back, 'timeout server 30s'),
    ]);
  const clientMs = timeoutMs(client);
  const serverMs = timeoutMs(server);
  // With a tunnel timeout these two bound the handshake only, where a difference does no harm.
  const decides = !tunnelOf(back) && clientMs !== undefined && serverMs !== undefined;
  if (client && decides && clientMs !== serverMs) {
    findings.add(
      'HAP005',
      client,
      `timeout client is ${sayDuration(clientMs)}, timeout server ${sayDuration(serverMs)}.`,
    );
  }
}

/** Only servers with a limit let handshakes wait. */
function checkQueue(back: Section, findings: Findings): void {
  if (!serversOf(back).some((server) => maxconnOf(back, server) !== undefined)) return;
  const queue = effective(back, 'timeout', 'queue');
  const queueMs = timeoutMs(queue);
  if (!queue)
    findings.add('HAP010', back.head, `${say(back)} has no timeout queue.`, [
      appendLine(back, 'timeout queue 5s'),
    ]);
  else if (queueMs !== undefined && queueMs > QUEUE_MAX_MS) {
    findings.add(
      'HAP010',
      queue,
      `A handshake waits ${sayDuration(queueMs)} for a slot.`,
      replaceWord(queue, 2, '5s'),
    );
  }
}
