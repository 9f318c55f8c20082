import { BadInput } from '../bad-input.ts';
import { paintFor } from '../doctor/report/text.ts';
import { EXIT_NOT_TESTED, EXIT_OK, EXIT_PROBLEM, type Io } from '../io.ts';
import { LoadRun } from './load-run.ts';
import { type LoadArguments, loadHelp, type LoadSettings, parseLoadArguments } from './options.ts';
import { addressOf } from './private-target.ts';
import { loadText } from './report.ts';
import type { LoadReport } from './tally.ts';

const PROGRESS_EVERY_MS = 500;

/** `holdfast load …`; resolves with the exit code. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    const given = parseLoadArguments(args);
    if (given === null) {
      io.out(loadHelp);
      return EXIT_OK;
    }
    return await perform(given, io);
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    io.err(`holdfast load: ${error.message}\n`);
    return EXIT_NOT_TESTED;
  }
}

async function perform({ settings, ownsServer, json }: LoadArguments, io: Io): Promise<number> {
  const address = await addressOf(settings.target, ownsServer);
  if (!json) io.out(`${planSentence(settings, address)}\n\n`);
  const load = new LoadRun(settings, address, io.signal);
  const timer = io.interactive ? setInterval(() => io.err(progressLine(load)), PROGRESS_EVERY_MS) : undefined;
  const report = await load.perform();
  clearInterval(timer);
  if (io.interactive) io.err('\r\u001b[K');
  io.out(json ? `${JSON.stringify(report, null, 2)}\n` : loadText(report, paintFor(io.colours)));
  return exitCode(report);
}

/** What was asked for, before the first packet. */
function planSentence(settings: LoadSettings, address: string): string {
  const { target, connections, durationMs, handshakesPerSecond, messagesPerSecond, storm } = settings;
  const what = settings.holdfast ? 'publishes' : settings.send === null ? 'pings' : 'messages';
  return (
    `${target.url} (${address}): ${connections} connections, ${handshakesPerSecond} handshakes and ` +
    `${messagesPerSecond} ${what} in a second, for ${durationMs / 1_000} s` +
    (storm ? '; halfway all are reset and return' : '')
  );
}

function progressLine(load: LoadRun): string {
  const { held, roundTrips, errors } = load.progress;
  return `\r\u001b[K  ..  ${held} held, ${roundTrips} sent, ${errors} errors`;
}

function exitCode({ heldMax, wanted, errors }: LoadReport): number {
  if (heldMax === 0) return EXIT_NOT_TESTED;
  return heldMax < wanted || Object.keys(errors).length > 0 ? EXIT_PROBLEM : EXIT_OK;
}
