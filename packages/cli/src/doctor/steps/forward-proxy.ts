import { performance } from 'node:perf_hooks';
import { openLine } from '../probe/line.ts';
import { ms, ok, problem, skipped, type Step } from './step.ts';

/** The tunnel through the proxy of the client's own network, where one is in use. */
export const forwardProxy: Step = {
  name: 'forward-proxy',
  title: 'Forward proxy',
  async run(way) {
    const { proxy } = way;
    if (proxy === null) return skipped('none');
    const startedAtMs = performance.now();
    way.budget.openConnection();
    const line = await openLine({ ...way.target, secure: false }, way.lineOptions);
    way.budget.closeConnection();
    const took = performance.now() - startedAtMs;
    const { address } = proxy;
    if (line.kind === 'line') {
      line.socket.destroy();
      way.measured.forwardProxy = { address, outcome: 'tunnel', status: 200, code: null, ms: took };
      return ok(`${address} opened a tunnel in ${ms(took)}`);
    }
    const { status = null, code } = line;
    way.measured.forwardProxy = {
      address,
      outcome: status === null ? 'unreachable' : 'refused',
      status,
      code,
      ms: took,
    };
    return problem(`${address} opened no tunnel (${status ?? code})`);
  },
};
