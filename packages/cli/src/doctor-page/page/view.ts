import type { Advice } from '../../doctor/verdict/advice.ts';
import { browserRun, type RunSettings, type StepLine } from './browser-run.ts';
import { shownAddress } from '../../doctor/shown-address.ts';
import { browserVerdict, type BrowserVerdict } from './browser-verdict.ts';
import { TimerWatch, type TimersSeen } from './timer-watch.ts';

declare const pageData: {
  readonly url: string;
  readonly hasHelper: boolean;
  readonly titles: Readonly<Record<string, string>>;
  readonly advice: Readonly<Record<string, Advice | null>>;
};

/** Half of the limit is too near; a heartbeat may also be late. */
const HEARTBEAT_SHARE = 0.45;
const HEARTBEAT_MS_MAX = 25_000;
/** A timer that comes this late would let a heartbeat of the page be missed. */
const LATE_MS_MIN = 2_000;

const part = <E extends HTMLElement>(id: string): E => document.getElementById(id) as E;

function readSettings(): RunSettings {
  const list = part<HTMLInputElement>('subprotocols').value.split(/[\s,]+/);
  return {
    url: part<HTMLInputElement>('address').value.trim(),
    subprotocols: list.filter((name) => name !== ''),
    send: part<HTMLInputElement>('send').value,
    token: part<HTMLInputElement>('token').value,
    idleMaxMs: Number(part<HTMLSelectElement>('idle').value) * 1_000,
    hasHelper: pageData.hasHelper,
  };
}

function showLine({ title, status, text }: StepLine): void {
  const line = document.createElement('tr');
  line.className = status;
  for (const cell of [{ ok: 'ok', problem: '!!', skipped: '--' }[status], title, text]) {
    line.append(Object.assign(document.createElement('td'), { textContent: cell }));
  }
  part('steps').append(line);
}

function timersLine({ pageLateMs, workerLateMs, hiddenMs }: TimersSeen): StepLine {
  const worker = workerLateMs === null ? 'no worker' : `a worker’s ${(workerLateMs / 1_000).toFixed(1)} s`;
  const hidden =
    hiddenMs === 0 ? 'the page was visible throughout' : `hidden for ${Math.round(hiddenMs / 1_000)} s`;
  return {
    title: 'Throttling',
    status: pageLateMs < LATE_MS_MIN ? 'ok' : 'problem',
    text: `timers of the page were up to ${(pageLateMs / 1_000).toFixed(1)} s late, ${worker}; ${hidden}`,
  };
}

function adviceText({ id, limitMs }: BrowserVerdict): readonly string[] {
  const advice = pageData.advice[id];
  if (!advice) return [];
  const survivesMs = Math.min(
    HEARTBEAT_MS_MAX,
    Math.floor(((limitMs ?? Infinity) * HEARTBEAT_SHARE) / 100) * 100,
  );
  const snippet = advice.snippet.replaceAll('{heartbeatMs}', String(survivesMs));
  return [`what to change: ${advice.setting}, in ${advice.file}`, `why: ${advice.why}`, `    ${snippet}`];
}

/** What a person pastes into a request for support. No token, no query and no text that was sent is in it. */
function resultText(settings: RunSettings, verdict: BrowserVerdict, lines: readonly StepLine[]): string {
  const connection = (navigator as { connection?: { effectiveType?: string } }).connection?.effectiveType;
  return [
    `${shownAddress(settings.url)}: ${verdict.id}`,
    pageData.titles[verdict.id] ?? '',
    ...verdict.evidence.map((sentence) => `- ${sentence}`),
    ...adviceText(verdict),
    '',
    ...lines.map(({ title, status, text }) => `${status.padEnd(8)} ${title}: ${text}`),
    '',
    `at ${new Date().toISOString()} from ${location.origin}, ${navigator.onLine ? 'online' : 'offline'}${connection === undefined ? '' : `, ${connection}`}`,
    navigator.userAgent,
  ].join('\n');
}

function complaintAbout({ url }: RunSettings): string {
  if (!/^wss?:\/\/[^/\s]/.test(url)) return 'An address looks like wss://example.com/socket.';
  if (url.startsWith('ws:') && location.protocol === 'https:') {
    return 'A page that came over https may not open ws:// (mixed content): use wss://.';
  }
  return '';
}

async function examine(): Promise<void> {
  const settings = readSettings();
  const complaint = complaintAbout(settings);
  part('complaint').textContent = complaint;
  if (complaint !== '') return;
  part('steps').replaceChildren();
  part('result').hidden = true;
  part<HTMLButtonElement>('start').disabled = true;
  const watch = new TimerWatch();
  const until = settings.idleMaxMs + 4_000;
  const progress = setInterval(() => {
    part('progress').textContent =
      `${Math.round(watch.ageMs / 1_000)} of about ${Math.round(until / 1_000)} s. Look at another tab meanwhile to see what throttling does.`;
  }, 500);
  const lines: StepLine[] = [];
  const tell = (line: StepLine): void => {
    lines.push(line);
    showLine(line);
  };
  try {
    const measured = await browserRun(settings, tell);
    tell(timersLine(await watch.stop()));
    showVerdict(settings, browserVerdict(measured), lines);
  } finally {
    clearInterval(progress);
    part('progress').textContent = '';
    part<HTMLButtonElement>('start').disabled = false;
  }
}

function showVerdict(settings: RunSettings, verdict: BrowserVerdict, lines: readonly StepLine[]): void {
  const title = part('verdict');
  title.textContent = pageData.titles[verdict.id] ?? verdict.id;
  title.className = verdict.id === 'stable' ? 'good' : verdict.id === 'not-measured' ? 'warn' : 'bad';
  part('text').textContent = resultText(settings, verdict, lines);
  part('result').hidden = false;
  part('result').dataset['verdict'] = verdict.id;
}

async function copyResult(): Promise<void> {
  const button = part<HTMLButtonElement>('copy');
  try {
    await navigator.clipboard.writeText(part('text').textContent ?? '');
    button.textContent = 'Copied';
  } catch {
    // Without the right to the clipboard the text is marked, so that one key copies it.
    getSelection()?.selectAllChildren(part('text'));
    button.textContent = 'Marked: press Ctrl+C';
  }
  setTimeout(() => (button.textContent = 'Copy'), 2_000);
}

part<HTMLInputElement>('address').value = pageData.url;
part('form').addEventListener('submit', (event) => {
  event.preventDefault();
  void examine();
});
part('copy').addEventListener('click', () => void copyResult());
