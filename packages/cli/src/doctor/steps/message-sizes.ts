import type { SizesMeasured } from '../measurements.ts';
import type { ProbeConnection } from '../probe/connection.ts';
import { describeEnding } from './describe.ts';
import { ok, problem, REFUSED_AGAIN, skipped, type Step } from './step.ts';

const FIRST_BYTES = 1_024;
const GROWTH = 4;

/** The sizes that are tried, the largest last. */
export function sizesUpTo(limitBytes: number): readonly number[] {
  const sizes: number[] = [];
  for (let bytes = FIRST_BYTES; bytes < limitBytes; bytes *= GROWTH) sizes.push(bytes);
  return [...sizes, limitBytes];
}

export const messageSizes: Step = {
  name: 'sizes',
  title: 'Message sizes',
  async run(way) {
    if (!way.measured.echo?.echoes) return skipped('needs a server that echoes the text of --send');
    const { send, messageBytesMax: limitBytes, timeoutMs } = way.settings;
    const connection = await way.open('sizes');
    if (!connection) return problem(REFUSED_AGAIN);
    const { largestBytes, failed } = await grow(connection, send ?? '', limitBytes, timeoutMs);
    await connection.close();
    way.measured.sizes = { limitBytes, largestBytes, failed };
    if (!failed) return ok(`up to ${largestBytes} bytes`);
    return problem(`${failed.bytes} bytes: ${describeEnding(failed.ending)}`);
  },
};

async function grow(
  connection: ProbeConnection,
  seed: string,
  limitBytes: number,
  timeoutMs: number,
): Promise<Omit<SizesMeasured, 'limitBytes'>> {
  let largestBytes = 0;
  for (const bytes of sizesUpTo(limitBytes)) {
    const text = textOf(bytes, seed);
    const echoed = await connection.exchange(text, timeoutMs);
    if (echoed?.text !== text) {
      return { largestBytes, failed: { bytes, ending: connection.ending, truncated: echoed !== null } };
    }
    largestBytes = bytes;
  }
  return { largestBytes, failed: null };
}

/** The seed and dots behind it, or as many of its characters as fit: half of one would not come back. */
function textOf(bytes: number, seed: string): string {
  const start = new TextDecoder().decode(Buffer.from(seed).subarray(0, bytes), { stream: true });
  return start + '.'.repeat(bytes - Buffer.byteLength(start));
}
