import {
  faultDescriptions,
  parseFaults,
  type ChaosConnection,
  type ChaosFaults,
  type ChaosProxy,
} from '@holdfast/chaos';
import { html, json, type LocalHttp, serveLocally, text } from '../page/local-http.ts';
import { onePage } from '../page/one-file.ts';
import { controlBody, controlStyle } from './control-markup.ts';

/** What the page shows. */
export interface ChaosState {
  readonly url: string;
  readonly target: string;
  readonly faults: ChaosFaults;
  readonly connections: readonly ChaosConnection[];
  readonly connectionsOpen: number;
  /** The newest first. */
  readonly ended: readonly Ended[];
}

export interface Ended {
  readonly id: number;
  readonly cause: string;
  readonly livedMs: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

const ENDED_MAX = 50;
const CONNECTIONS_SHOWN_MAX = 200;
const strikes = ['cut', 'reset', 'cutMidFrame'] as const;

/** The page and the calls behind it; everything it does can be done with curl as well. */
export async function openControl(proxy: ChaosProxy, target: string, port: number): Promise<LocalHttp> {
  const ended: Ended[] = [];
  proxy.on('close', ({ id, cause, openedAtMs, bytesUp, bytesDown }) => {
    ended.unshift({ id, cause, livedMs: Date.now() - openedAtMs, bytesUp, bytesDown });
    ended.length = Math.min(ended.length, ENDED_MAX);
  });
  const page = await onePage({
    title: 'holdfast chaos',
    style: controlStyle,
    body: controlBody,
    data: { faultDescriptions },
    scripts: [new URL('./control-page', import.meta.url)],
  });
  const state = (): ChaosState => {
    const open = proxy.connections;
    const shown = open.slice(0, CONNECTIONS_SHOWN_MAX);
    const { faults } = proxy;
    return { url: proxy.url('ws'), target, faults, connections: shown, connectionsOpen: open.length, ended };
  };
  return serveLocally(port, async ({ method, url }, body) => {
    switch (`${method} ${url}`) {
      case 'GET /':
        return html(page);
      case 'GET /state':
        return json(state());
      case 'POST /faults':
        await proxy.set(parseFaults(JSON.parse(body)));
        return json(state());
      case 'POST /clear':
        await proxy.clear();
        return json(state());
      case 'POST /strike':
        strike(proxy, JSON.parse(body));
        return json(state());
      default:
        return text(404, 'GET /state, POST /faults, POST /clear or POST /strike.\n');
    }
  });
}

function strike(proxy: ChaosProxy, value: unknown): void {
  const { fault, id } = (value ?? {}) as { fault?: unknown; id?: unknown };
  const known = strikes.find((name) => name === fault);
  if (!known || (id !== undefined && typeof id !== 'number')) {
    throw new TypeError(
      `A strike is { "fault": "${strikes.join('" | "')}", "id": the number of a connection or none }.`,
    );
  }
  proxy[known](id);
}
