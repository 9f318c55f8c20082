import { Budget } from '../doctor/probe/budget.ts';
import { checkHeader, dial, type Refusal } from '../doctor/probe/handshake.ts';
import { parseTarget, type Target } from '../doctor/probe/target.ts';
import { adviceFor } from '../doctor/verdict/advice.ts';
import { verdictTitles } from '../doctor/verdict/verdict-id.ts';
import { html, json, type LocalHttp, serveLocally, text } from '../page/local-http.ts';
import { onePage } from '../page/one-file.ts';
import { doctorBody, doctorStyle } from './markup.ts';
import type { Probe } from './page/browser-verdict.ts';

const PROBE_MS_MAX = 8_000;
/** With and without Origin. */
const PROBE_CONNECTIONS = 2;
const SUBPROTOCOLS_MAX = 20;
const PROBE_BYTES_MAX = 16_384;

/** Written out, so that tools that look for unused files find them. */
const scripts = [
  new URL('../doctor/shown-address', import.meta.url),
  new URL('./page/wire', import.meta.url),
  new URL('./page/browser-verdict', import.meta.url),
  new URL('./page/socket', import.meta.url),
  new URL('./page/browser-run', import.meta.url),
  new URL('./page/timer-watch', import.meta.url),
  new URL('./page/view', import.meta.url),
];

/** The page as one file. `hasHelper`: `serveDoctor` stands behind it. */
export function doctorPage(url: string, hasHelper: boolean): Promise<string> {
  return onePage({
    title: 'holdfast doctor',
    style: doctorStyle,
    body: doctorBody,
    data: { url, hasHelper, titles: verdictTitles, advice: adviceFor },
    scripts,
  });
}

/** The page for this machine, and behind it the probe that sees what a page can't. */
export async function serveDoctor(url: string, port: number, signal: AbortSignal): Promise<LocalHttp> {
  const page = await doctorPage(url, true);
  return serveLocally(port, async ({ method, url: path, headers }, body) => {
    if (method === 'GET' && path === '/') return html(page);
    if (method !== 'POST' || path !== '/probe') return text(404, 'GET / or POST /probe.\n');
    return json(await probe(parseWanted(body), `http://${headers.host}`, signal));
  });
}

interface Wanted {
  readonly target: Target;
  readonly subprotocols: readonly string[];
}

function parseWanted(body: string): Wanted {
  const { url, subprotocols } = JSON.parse(body) as { url?: unknown; subprotocols?: unknown };
  const names = Array.isArray(subprotocols) ? subprotocols.map(String).slice(0, SUBPROTOCOLS_MAX) : [];
  for (const name of names) checkHeader(name, '');
  return { target: parseTarget(String(url)), subprotocols: names };
}

/** One handshake as the page makes it, and when that is refused, one without its Origin. */
async function probe(
  { target, subprotocols }: Wanted,
  pageOrigin: string,
  signal: AbortSignal,
): Promise<Probe> {
  const budget = new Budget({
    connections: PROBE_CONNECTIONS,
    concurrentConnections: 1,
    bytes: PROBE_BYTES_MAX,
  });
  const options = {
    budget,
    headers: [],
    subprotocols,
    timeoutMs: PROBE_MS_MAX,
    answerTimeoutMs: PROBE_MS_MAX,
    signal,
  };
  const asPage = await dial(target, { ...options, origin: pageOrigin });
  asPage.connection?.drop();
  if (asPage.outcome.kind === 'open') return { kind: 'opens', by: 'holdfast', withPageOrigin: true };
  const asProgram = await dial(target, { ...options, origin: null });
  asProgram.connection?.drop();
  if (asProgram.outcome.kind === 'open') return { kind: 'opens', by: 'holdfast', withPageOrigin: false };
  return probeOf(asPage.outcome);
}

function probeOf(outcome: Refusal): Probe {
  if (outcome.kind === 'answered') return { kind: 'status', by: 'holdfast', status: outcome.status };
  const why = outcome.kind === 'no-line' ? `${outcome.phase}: ${outcome.code}` : outcome.kind;
  return { kind: 'unreachable', by: 'holdfast', why };
}
