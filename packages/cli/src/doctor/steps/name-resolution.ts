import { lookup } from 'node:dns/promises';
import { performance } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { ms, ok, problem, skipped, type Step } from './step.ts';

export const nameResolution: Step = {
  name: 'names',
  title: 'Name resolution',
  async run({ target, measured, settings, signal, proxy }) {
    if (proxy) return skipped('the forward proxy does it');
    if (target.isAddress) {
      const family = target.host.includes(':') ? 6 : 4;
      measured.names = { addresses: [{ address: target.host, family }], error: null, ms: 0 };
      return ok('the address is numeric');
    }
    const startedAtMs = performance.now();
    const done = new AbortController();
    const late = pause(settings.timeoutMs, null, { signal: AbortSignal.any([signal, done.signal]) });
    late.catch(() => {});
    const found = await Promise.race([resolve(target.host), late]);
    done.abort();
    const { addresses, error } = found ?? { addresses: [], error: 'TIMEOUT' };
    const took = performance.now() - startedAtMs;
    measured.names = { addresses, error, ms: took };
    if (error !== null) return problem(`${target.host} was not found (${error})`);
    return ok(`${addresses.map(({ address }) => address).join(', ')} in ${ms(took)}`);
  },
};

/** The system's own way, with its hosts file, because that is what other programs use. */
async function resolve(host: string) {
  try {
    const found = await lookup(host, { all: true });
    const addresses = found.map(({ address, family }) => ({
      address,
      family: family === 6 ? (6 as const) : (4 as const),
    }));
    return { addresses, error: null };
  } catch (error) {
    return { addresses: [], error: (error as NodeJS.ErrnoException).code ?? 'UNKNOWN' };
  }
}
