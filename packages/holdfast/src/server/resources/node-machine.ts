import { readdirSync, readFileSync, statSync } from 'node:fs';
import { totalmem } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { memoryOf, openFilesMax } from './linux.ts';
import type { Machine, Reading, Use } from './machine.ts';

/** What is watched for are delays of half a second; a finer timer would wake an idle process for nothing. */
const DELAY_RESOLUTION_MS = 100;

/** This process, as Node and Linux see it. One reading takes a few small reads, well under a millisecond. */
export function nodeMachine(): Machine {
  return new NodeMachine();
}

class NodeMachine implements Machine {
  private readonly delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });

  private last: Reading | undefined;

  read(): Reading {
    try {
      this.last = this.readAll();
    } catch (error) {
      if (!isOutOfFiles(error) || !this.last) throw error;
      // Not even a look at them can be had any more, which says enough.
      const { files } = this.last;
      this.last = { ...this.last, files: files && { used: files.limit, limit: files.limit } };
    }
    return this.last;
  }

  private readAll(): Reading {
    // Its timer begins with the first reading: a server that was never opened needs none.
    this.delay.enable();
    const heap = getHeapStatistics();
    // Bun fills in the same numbers, but its engine's heap has no limit.
    const isV8 = process.versions['bun'] === undefined;
    const rss = process.memoryUsage.rss();
    // What V8 holds in reserve stays resident after a peak, though it is free for the next connections.
    const reserve = isV8 ? Math.max(0, heap.total_physical_size - heap.used_heap_size) : 0;
    const { mean } = this.delay;
    this.delay.reset();
    return {
      memory: memoryOf(readText, { used: rss - reserve, limit: totalmem() }, reserve),
      heap: isV8 ? { used: heap.used_heap_size, limit: heap.heap_size_limit } : undefined,
      files: openFiles(),
      // The histogram holds the times from tick to tick; NaN when the loop was held up for the whole time.
      eventLoopDelayMs: Number.isNaN(mean) ? 0 : Math.max(0, mean / 1e6 - DELAY_RESOLUTION_MS),
    };
  }

  close(): void {
    this.delay.disable();
  }
}

function openFiles(): Use | undefined {
  const limit = openFilesMax(readText);
  if (limit === undefined) return undefined;
  // Since Linux 6.2 the folder's size is the number of files; before, they have to be counted one by one.
  const used = statSync('/proc/self/fd').size || readdirSync('/proc/self/fd').length;
  return { used, limit };
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isOutOfFiles(error)) throw error;
    return undefined;
  }
}

/** EMFILE: of this process; ENFILE: of the whole machine (open(2)). */
function isOutOfFiles(error: unknown): boolean {
  return /^E[MN]FILE$/.test((error as NodeJS.ErrnoException).code ?? '');
}
