import { performance } from 'node:perf_hooks';
import type { TcpOutcome } from '../measurements.ts';
import { openLine } from '../probe/line.ts';
import type { Way } from '../way.ts';
import { ms, ok, problem, skipped, type Step } from './step.ts';

const ADDRESSES_MAX = 6;

export const tcp: Step = {
  name: 'tcp',
  title: 'TCP connection',
  async run(way) {
    if (way.proxy) return skipped('the forward proxy does it');
    const addresses = (way.measured.names?.addresses ?? []).slice(0, ADDRESSES_MAX);
    const attempts = await Promise.all(addresses.map(({ address }) => attempt(way, address)));
    way.measured.tcp = { attempts };
    const first = attempts.find(({ outcome }) => outcome === 'connected');
    way.address = first?.address;
    const told = attempts.map(({ address, outcome, ms: took }) => `${address} ${outcome} in ${ms(took)}`);
    const all = attempts.every(({ outcome }) => outcome === 'connected');
    return all && first ? ok(told.join(', ')) : problem(told.join(', '));
  },
};

async function attempt(way: Way, address: string) {
  const startedAtMs = performance.now();
  way.budget.openConnection();
  const line = await openLine({ ...way.target, secure: false }, { ...way.lineOptions, address });
  way.budget.closeConnection();
  if (line.kind === 'line') line.socket.destroy();
  return { address, outcome: outcomeOf(line), ms: performance.now() - startedAtMs };
}

function outcomeOf(line: { readonly kind: string; readonly code?: string }): TcpOutcome {
  if (line.kind === 'line') return 'connected';
  if (line.code === 'ECONNREFUSED' || line.code === 'ECONNRESET') return 'refused';
  return line.code === 'TIMEOUT' || line.code === 'ETIMEDOUT' ? 'timed-out' : 'unreachable';
}
