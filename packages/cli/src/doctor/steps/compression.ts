import { describeEnding } from './describe.ts';
import { ok, problem, REFUSED_AGAIN, type Step } from './step.ts';

export const compression: Step = {
  name: 'compression',
  title: 'Compression',
  async run(way) {
    const { outcome, connection } = await way.dial({ compression: true });
    if (!connection || outcome.kind !== 'open') return problem(REFUSED_AGAIN);
    const pongMs = await connection.ping(way.settings.timeoutMs);
    const { ending } = connection;
    await connection.close();
    const negotiated = outcome.extensions?.includes('permessage-deflate') ?? false;
    way.measured.compression = { negotiated, extensions: outcome.extensions, pongMs, ending };
    if (ending) return problem(`offered, then ${describeEnding(ending)}`);
    return ok(negotiated ? `agreed: ${outcome.extensions}` : 'not agreed');
  },
};
