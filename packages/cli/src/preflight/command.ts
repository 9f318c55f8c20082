import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { freemem, availableParallelism } from 'node:os';
import { BadInput } from '../bad-input.ts';
import { paintFor } from '../doctor/report/text.ts';
import { EXIT_NOT_TESTED, EXIT_OK, EXIT_PROBLEM, type Io } from '../io.ts';
import { type PreflightArguments, parsePreflightArguments, preflightHelp } from './arguments.ts';
import { preflight } from './lifts.ts';
import { measure } from './measure.ts';
import { preflightJson, preflightText } from './report.ts';
import { readSystemFacts, type SystemFacts } from './system-facts.ts';

/** `holdfast preflight …`; resolves with the exit code. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    const given = parsePreflightArguments(args);
    if (given === null) {
      io.out(preflightHelp);
      return EXIT_OK;
    }
    return await examine(given, io);
  } catch (error) {
    if (io.signal.aborted) io.err('holdfast preflight: stopped.\n');
    else if (error instanceof BadInput) io.err(`holdfast preflight: ${error.message}\n`);
    else throw error;
    return EXIT_NOT_TESTED;
  }
}

async function examine({ wanted, pid, server, sample, json }: PreflightArguments, io: Io): Promise<number> {
  const facts = factsOfThisMachine(pid);
  if (!json) {
    io.out(`Opens ${sample + 100} connections to a server of its own on this machine; a few seconds.\n\n`);
  }
  const measured = await measure(server, sample, readText, io.signal);
  const found = preflight(facts, measured, wanted);
  const unseen = found.limits
    .filter(({ connectionsMax, kind }) => connectionsMax === null && kind !== 'note')
    .map(({ title }) => title);
  const report = { wanted, measured, platform: process.platform, unseen, ...found };
  io.out(json ? preflightJson(report) : preflightText(report, paintFor(io.colours)));
  const { first } = found;
  return first !== null && (first.connectionsMax ?? 0) < wanted.connections ? EXIT_PROBLEM : EXIT_OK;
}

function factsOfThisMachine(pid: number | null): SystemFacts {
  if (pid !== null && process.platform === 'linux' && readText(`/proc/${pid}/limits`) === null) {
    throw new BadInput(`There is no process ${pid}, or its limits may not be read by this user.`);
  }
  const facts = readSystemFacts(readText, String(pid ?? 'self'), pid === null ? 0 : openFilesOf(pid));
  if (process.platform === 'linux') return facts;
  // Elsewhere two things can be asked of Node itself.
  return {
    ...facts,
    memory: { ...facts.memory, availableBytes: freemem() },
    cpus: availableParallelism(),
  };
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** What a server holds open beside its clients: its sockets are the connections that are asked about. */
function openFilesOf(pid: number): number {
  try {
    const links = readdirSync(`/proc/${pid}/fd`).map((name) => readlinkOf(`/proc/${pid}/fd/${name}`));
    return links.filter((link) => !link.startsWith('socket:')).length;
  } catch {
    return 0;
  }
}

function readlinkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
