import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { BadInput } from '../bad-input.ts';
import { parseTarget } from '../doctor/probe/target.ts';
import { EXIT_OK, type Io } from '../io.ts';
import { doctorPage, serveDoctor } from './doctor-page.ts';

/** What `holdfast doctor --serve` and `--page FILE` ask for. */
export type PageArguments =
  | { readonly kind: 'serve'; readonly url: string; readonly port: number }
  | { readonly kind: 'page'; readonly url: string; readonly file: string };

/** Serves the page until the user ends it, or writes it; resolves with the exit code. */
export async function runPage(wanted: PageArguments, io: Io): Promise<number> {
  if (wanted.url !== '') parseTarget(wanted.url);
  if (wanted.kind === 'page') {
    const page = await doctorPage(wanted.url, false);
    await writeFile(resolve(io.cwd, wanted.file), page).catch((error: Error) => {
      throw new BadInput(`${wanted.file} could not be written: ${error.message}`);
    });
    io.out(
      `${wanted.file} is written. Put it on the site of the WebSocket, so that it may see its answers.\n`,
    );
    return EXIT_OK;
  }
  const served = await serveDoctor(wanted.url, wanted.port, io.signal);
  io.out(`Open ${served.url} in the browser that has the trouble.   Ctrl-C ends it.\n`);
  if (!io.signal.aborted) await once(io.signal, 'abort');
  await served.close();
  return EXIT_OK;
}
