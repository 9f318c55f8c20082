import { performance } from 'node:perf_hooks';
import { openLine } from '../probe/line.ts';
import { ms, ok, problem, skipped, type Step } from './step.ts';

export const tls: Step = {
  name: 'tls',
  title: 'TLS',
  async run({ target, measured, budget, lineOptions }) {
    if (!target.secure) return skipped('ws:// has none');
    const startedAtMs = performance.now();
    budget.openConnection();
    const line = await openLine(target, lineOptions);
    budget.closeConnection();
    if (line.kind === 'no-line') {
      measured.tls = { kind: 'failed', code: line.code, message: line.message };
      return problem(`the handshake failed (${line.code})`);
    }
    line.socket.destroy();
    if (!line.tls) throw new Error('a wss:// line has no TLS');
    const took = performance.now() - startedAtMs;
    measured.tls = { kind: 'handshake', ms: took, ...line.tls };
    if (!line.tls.trusted) return problem(`the certificate is not trusted (${line.tls.error})`);
    return ok(`${line.tls.protocol}, valid until ${line.tls.validTo}, in ${ms(took)}`);
  },
};
