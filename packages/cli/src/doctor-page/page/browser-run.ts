import type { BrowserMeasured, Idle, Probe, Silence } from './browser-verdict.ts';
import { closeText } from './browser-verdict.ts';
import { inTime, type SocketSettings, TestSocket } from './socket.ts';

export interface RunSettings extends SocketSettings {
  readonly idleMaxMs: number;
  /** `holdfast doctor --serve` stands behind the page and can see what a page can't. */
  readonly hasHelper: boolean;
}

export interface StepLine {
  readonly title: string;
  readonly status: 'ok' | 'problem' | 'skipped';
  readonly text: string;
}

const AT_ONCE_MS = 1_000;
const ROUND_TRIPS = 10;
const PROBE_MS_MAX = 8_000;
const BUSY_MS = 1_000;
const STAGGER_MS = 100;

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const shown = (ms: number): string => (ms < 10_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1_000)} s`);

/** Everything that a page can find out, step by step; `tell` gets each line as it comes. */
export async function browserRun(
  settings: RunSettings,
  tell: (line: StepLine) => void,
): Promise<BrowserMeasured> {
  const { upgrade, socket } = await TestSocket.open(settings);
  const nothing = { probe: null, closedAtOnce: null, idle: null };
  if (upgrade.kind === 'blocked') {
    tell({ title: 'Upgrade', status: 'problem', text: upgrade.why });
    return { upgrade, ...nothing };
  }
  if (socket === null || upgrade.kind === 'failed') {
    tell({ title: 'Upgrade', status: 'problem', text: `failed after ${shown(upgrade.ms)}` });
    const probe = await httpProbe(settings);
    tell({ title: 'HTTP probe', status: 'problem', text: probeText(probe) });
    return { upgrade, ...nothing, probe };
  }
  const chosen = upgrade.subprotocol === '' ? '' : `, subprotocol ${upgrade.subprotocol}`;
  tell({ title: 'Upgrade', status: 'ok', text: `open after ${shown(upgrade.ms)}${chosen}` });
  const early = await inTime(AT_ONCE_MS, socket.closed);
  if (early !== null) {
    const text = `closed at once, ${closeText(early.code, early.reason)}`;
    tell({ title: 'First second', status: 'problem', text });
    return { upgrade, ...nothing, closedAtOnce: { code: early.code, reason: early.reason } };
  }
  await roundTrips(socket, tell);
  await comeBack(settings, socket, tell);
  const idle = await silence(settings, tell);
  return { upgrade, ...nothing, idle };
}

async function roundTrips(socket: TestSocket, tell: (line: StepLine) => void): Promise<void> {
  const title = 'Round trips';
  if (socket.speaks === 'nothing') {
    const text = 'a page can’t send pings; give a text that the server answers';
    return tell({ title, status: 'skipped', text });
  }
  const times: number[] = [];
  for (let i = 0; i < ROUND_TRIPS; i += 1) {
    const ms = await socket.ask();
    if (ms === null) return tell({ title, status: 'problem', text: `no answer to message ${i + 1}` });
    times.push(ms);
  }
  times.sort((a, b) => a - b);
  const text = `${times.length}, median ${shown(times[times.length >> 1]!)}, at most ${shown(times.at(-1)!)}`;
  tell({ title, status: 'ok', text });
}

/** Closes and dials again, with Holdfast into the same session. */
async function comeBack(
  settings: RunSettings,
  first: TestSocket,
  tell: (line: StepLine) => void,
): Promise<void> {
  const title = 'Coming back';
  first.close();
  const again = await TestSocket.open(settings, { connection: 2, token: first.resumeToken });
  if (again.socket === null)
    return tell({ title, status: 'problem', text: 'a second connection was refused' });
  const { speaks, resumed } = again.socket;
  const ms = again.upgrade.kind === 'open' ? again.upgrade.ms : 0;
  const session =
    speaks !== 'holdfast' ? '' : resumed ? ', the session continues' : ', but with a new session';
  tell({
    title,
    status: speaks === 'holdfast' && !resumed ? 'problem' : 'ok',
    text: `open after ${shown(ms)}${session}`,
  });
  again.socket.close();
}

/** Silent connections of several lengths side by side, and one that is never silent. */
async function silence(settings: RunSettings, tell: (line: StepLine) => void): Promise<Idle> {
  const { idleMaxMs } = settings;
  const gaps = [idleMaxMs / 8, idleMaxMs / 4, idleMaxMs / 2, idleMaxMs];
  const over = new AbortController();
  const busy = keepBusy(settings, over.signal);
  const silences = await Promise.all(
    gaps.map(async (gapMs, i) => {
      await sleep(i * STAGGER_MS);
      return staySilent(settings, gapMs);
    }),
  );
  over.abort();
  const ended = silences.filter(({ outcome }) => outcome === 'closed' || outcome === 'forgotten');
  const text =
    ended.length === 0
      ? `${shown(idleMaxMs)} survived`
      : ended
          .map(({ outcome, atMs, gapMs, code, reason }) =>
            outcome === 'closed'
              ? `closed after ${shown(atMs)} (${closeText(code, reason)})`
              : `forgotten within ${shown(gapMs)}`,
          )
          .join(', ');
  tell({ title: 'Silence', status: ended.length === 0 ? 'ok' : 'problem', text });
  return { silences, busyEndedAtMs: await busy };
}

async function staySilent(settings: RunSettings, gapMs: number): Promise<Silence> {
  const { socket } = await TestSocket.open(settings);
  if (socket === null) return { gapMs, outcome: 'not-opened', atMs: 0, code: 0, reason: '' };
  const event = await inTime(gapMs, socket.closed);
  const atMs = performance.now() - socket.openedAtMs;
  if (event !== null) return { gapMs, outcome: 'closed', atMs, code: event.code, reason: event.reason };
  const answers = socket.speaks === 'nothing' || (await socket.ask()) !== null;
  socket.close();
  return { gapMs, outcome: answers ? 'lived' : 'forgotten', atMs, code: 0, reason: '' };
}

async function keepBusy(settings: RunSettings, over: AbortSignal): Promise<number | null | undefined> {
  const { socket } = await TestSocket.open(settings);
  if (socket === null || socket.speaks === 'nothing') {
    socket?.close();
    return undefined;
  }
  while (!over.aborted && socket.closeEvent === null) {
    await socket.ask();
    await inTime(BUSY_MS, socket.closed);
  }
  const endedAtMs = socket.closeEvent === null ? null : performance.now() - socket.openedAtMs;
  socket.close();
  return endedAtMs;
}

/** Only an HTTP request tells why a handshake failed; what a page may see of it depends on its origin. */
async function httpProbe({ url, subprotocols, hasHelper }: RunSettings): Promise<Probe> {
  if (hasHelper) {
    const helped = await askHelper({ url, subprotocols });
    if (helped !== null) return helped;
  }
  const address = url.replace(/^ws/, 'http');
  const signal = AbortSignal.timeout(PROBE_MS_MAX);
  try {
    const { status } = await fetch(address, { redirect: 'manual', cache: 'no-store', signal });
    // A redirect that is not followed shows as 0 (Fetch, opaque-redirect filtered response).
    return { kind: 'status', by: 'this page', status: status === 0 ? 302 : status };
  } catch {
    return hiddenOrUnreachable(address);
  }
}

async function hiddenOrUnreachable(address: string): Promise<Probe> {
  try {
    await fetch(address, { mode: 'no-cors', cache: 'no-store', signal: AbortSignal.timeout(PROBE_MS_MAX) });
    return { kind: 'hidden' };
  } catch {
    const why = navigator.onLine ? 'refused, blocked, or no answer' : 'this device is offline';
    return { kind: 'unreachable', by: 'this page', why };
  }
}

async function askHelper(wanted: { url: string; subprotocols: readonly string[] }): Promise<Probe | null> {
  try {
    const headers = { 'Content-Type': 'application/json' };
    const body = JSON.stringify(wanted);
    const answer = await fetch('/probe', { method: 'POST', headers, body });
    return answer.ok ? ((await answer.json()) as Probe) : null;
  } catch {
    return null;
  }
}

function probeText(probe: Probe): string {
  switch (probe.kind) {
    case 'status':
      return `${probe.status}, asked by ${probe.by}`;
    case 'opens':
      return probe.withPageOrigin
        ? 'the handshake works outside of this browser'
        : 'refused for the Origin of this page';
    case 'hidden':
      return 'something answers, but does not tell this page what';
    case 'unreachable':
      return `${probe.by} reached nothing: ${probe.why}`;
  }
}
