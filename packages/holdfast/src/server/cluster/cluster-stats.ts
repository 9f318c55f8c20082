import type { ServerStats } from '../types.ts';

/** The figures of every node that is known to live, and their sums. */
export interface ClusterStats {
  /** This node first; the others as of their last beat. */
  readonly nodes: readonly ServerStats[];
  readonly total: Readonly<Record<string, number | Readonly<Record<string, number>>>>;
}

/** Names that a node may count by: other nodes' figures are theirs to choose, and kept within bounds. */
const NAMES_MAX = 256;

/** Adds up whatever the nodes count: numbers, and counts by name. */
export function sumOf(nodes: readonly ServerStats[]): ClusterStats {
  const total = new Map<string, number | Map<string, number>>();
  for (const stats of nodes) {
    for (const [name, value] of Object.entries(stats)) {
      if (typeof value === 'number') add(total, name, value);
      else if (isCounts(value)) {
        const counts = total.get(name) ?? new Map<string, number>();
        if (!(counts instanceof Map)) continue;
        if (total.size < NAMES_MAX) total.set(name, counts);
        for (const [key, count] of Object.entries(value)) add(counts, key, count);
      }
    }
  }
  const plain = [...total].map(([name, value]) => [
    name,
    value instanceof Map ? Object.fromEntries(value) : value,
  ]);
  return { nodes, total: Object.fromEntries(plain) as ClusterStats['total'] };
}

function add(sums: Map<string, number | Map<string, number>>, name: string, value: number): void;
function add(sums: Map<string, number>, name: string, value: number): void;
function add(sums: Map<string, unknown>, name: string, value: number): void {
  const sum = sums.get(name) ?? 0;
  if (typeof sum !== 'number' || !Number.isFinite(value)) return;
  if (sums.has(name) || sums.size < NAMES_MAX) sums.set(name, sum + value);
}

function isCounts(value: unknown): value is Record<string, number> {
  return (
    typeof value === 'object' && value !== null && Object.values(value).every((n) => typeof n === 'number')
  );
}
