import { connect, type Position } from 'holdfast/client';
import { serve } from '../lab/serve.ts';

/** So many clients that missed what came after a position; done when each has all of it, in order and without a gap. */
async function resume(input: {
  port: number;
  clients: number;
  first: Position;
  count: number;
}): Promise<number> {
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: input.clients }, () => resumeOne(input)));
  return performance.now() - startedAt;
}

async function resumeOne({
  port,
  first,
  count,
}: {
  port: number;
  first: Position;
  count: number;
}): Promise<void> {
  const client = connect(`ws://127.0.0.1:${port}/`);
  await new Promise<void>((resolve, reject) => {
    let last = 0;
    const take = ({ n }: { n: number }): void => {
      if (n !== last + 1) reject(new Error(`${n} came after ${last}`));
      last = n;
      if (n === count) resolve();
    };
    client
      .subscribe('news', take, { from: first })
      .on('gap', ({ reason }) => reject(new Error(`a gap: ${reason}`)));
  });
  await client.close();
}

const commands = { resume };
export type ResumersCommands = typeof commands;
serve(commands);
