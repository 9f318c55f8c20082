import type { Limits } from '../../protocol/limits.ts';
import type { Reading, Use } from './machine.ts';
import type { Watermarks } from './pressure.ts';

/**
 * Resident memory that one connection is reckoned at: an idle one takes 7 KiB (`npm run bench -- idle-memory`), and
 * as much again is left for what it sends and is sent.
 */
export const CONNECTION_BYTES = 14_336;
/** Of that, in V8's heap. */
export const CONNECTION_HEAP_BYTES = 8_192;

/** How many connections something allows in total, and what raises it. */
export interface Bound {
  readonly name: string;
  readonly connections: number;
  readonly raise: string;
}

/** What bounds a process's connections, the tightest first; `connections` are open already. */
export function boundsOf(
  { memory, heap, files }: Reading,
  marks: Watermarks,
  { connectionsMax }: Pick<Limits, 'connectionsMax'>,
  connections: number,
): Bound[] {
  const fit = ({ used, limit }: Use, mark: number, each: number): number =>
    Math.max(0, connections + Math.floor((limit * mark - used) / each));
  const bounds: Bound[] = [
    {
      name: `limits.connectionsMax (${count(connectionsMax)})`,
      connections: connectionsMax,
      raise: 'createServer({ limits: { connectionsMax: … } })',
    },
    {
      name: `memory (${mebibytes(memory.limit)})`,
      connections: fit(memory, marks.memory, CONNECTION_BYTES),
      raise: 'docker run --memory=…, resources.limits.memory in Kubernetes, or a machine with more',
    },
  ];
  if (heap) {
    bounds.push({
      name: `V8’s heap (${mebibytes(heap.limit)})`,
      connections: fit(heap, marks.heap, CONNECTION_HEAP_BYTES),
      raise: `node --max-old-space-size=${Math.floor((memory.limit * 0.75) / 2 ** 20)}`,
    });
  }
  if (files) {
    bounds.push({
      name: `open files (ulimit -n: ${count(files.limit)})`,
      connections: fit(files, marks.files, 1),
      raise: 'ulimit -n 1048576 before the start, or LimitNOFILE=1048576 in the systemd unit',
    });
  }
  return bounds.sort((a, b) => a.connections - b.connections);
}

/** What the server says of it when it starts. */
export function capacityLine([first, second]: readonly Bound[]): string {
  const next = second ? ` Next comes ${second.name}, at ${count(second.connections)}.` : '';
  return `Holdfast: room for ${count(first!.connections)} connections, bound by ${first!.name}; to raise that: ${first!.raise}.${next}`;
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function mebibytes(bytes: number): string {
  return `${count(Math.round(bytes / 2 ** 20))} MiB`;
}
