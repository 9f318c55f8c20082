import { once } from 'node:events';
import { createChaosProxy, type ChaosProxy } from '@holdfast/chaos';
import { BadInput } from '../bad-input.ts';
import { EXIT_NOT_TESTED, EXIT_OK, type Io } from '../io.ts';
import { type ChaosArguments, chaosHelp, parseChaosArguments } from './arguments.ts';
import { openControl } from './control.ts';

/** `holdfast chaos …`; resolves with the exit code once the user ends it. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    const given = parseChaosArguments(args);
    if (given === null) {
      io.out(chaosHelp);
      return EXIT_OK;
    }
    await serve(given, io);
    return EXIT_OK;
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    io.err(`holdfast chaos: ${error.message}\n`);
    return EXIT_NOT_TESTED;
  }
}

async function serve(
  { target, port, host, controlPort, seed, faults }: ChaosArguments,
  io: Io,
): Promise<void> {
  const proxy = await createChaosProxy({ target, port, host, seed, faults }).catch(
    (error: NodeJS.ErrnoException) => {
      throw new BadInput(`Port ${port} of ${host} can’t be had (${error.code ?? error.message}).`);
    },
  );
  try {
    const targetText = `${target.host.includes(':') ? `[${target.host}]` : target.host}:${target.port}`;
    const control = await openControl(proxy, targetText, controlPort);
    io.out(`${proxy.url('ws')} leads to ${targetText}\nPage: ${control.url}   Ctrl-C ends it.\n\n`);
    report(proxy, io);
    if (!io.signal.aborted) await once(io.signal, 'abort');
    await control.close();
  } finally {
    await proxy.close();
  }
}

function report(proxy: ChaosProxy, io: Io): void {
  proxy.on('open', ({ id }) => io.out(`  + ${id}\n`));
  proxy.on('close', ({ id, cause, openedAtMs, error }) => {
    const why = error === undefined ? cause : `${cause} (${error.message})`;
    io.out(`  - ${id} after ${((Date.now() - openedAtMs) / 1_000).toFixed(1)} s: ${why}\n`);
  });
}
