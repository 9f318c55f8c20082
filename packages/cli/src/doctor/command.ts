import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { EXIT_NOT_TESTED, EXIT_OK, EXIT_PROBLEM, type Io } from '../io.ts';
import { doctorHelp, type DoctorArguments, parseDoctorArguments } from './arguments.ts';
import { diagnose } from './diagnose.ts';
import { parseTarget } from './probe/target.ts';
import { BadInput } from '../bad-input.ts';
import { htmlReport } from './report/html.ts';
import { junitReport } from './report/junit.ts';
import type { Progress, Report } from './report/report.ts';
import { paintFor, stepLine, verdictText } from './report/text.ts';
import type { Standing } from './verdict/verdict-id.ts';

const exitCodes: Record<Standing, number> = {
  stable: EXIT_OK,
  problem: EXIT_PROBLEM,
  'not-tested': EXIT_NOT_TESTED,
};

/** `holdfast doctor …`; resolves with the exit code. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    const wanted = parseDoctorArguments(args, io.env);
    if (wanted === null) {
      io.out(doctorHelp);
      return EXIT_OK;
    }
    if (wanted.kind === 'examine') return await examine(wanted, io);
    return await (await import('../doctor-page/command.ts')).runPage(wanted, io);
  } catch (error) {
    if (io.signal.aborted) {
      io.err('holdfast doctor: stopped.\n');
      return EXIT_NOT_TESTED;
    }
    if (!(error instanceof BadInput)) throw error;
    io.err(`holdfast doctor: ${error.message}\n`);
    return EXIT_NOT_TESTED;
  }
}

async function examine(wanted: DoctorArguments, io: Io): Promise<number> {
  const onProgress = wanted.json ? () => {} : progressPrinter(wanted, io);
  const report = await diagnose({ ...wanted.options, signal: io.signal, onProgress });
  io.out(wanted.json ? `${JSON.stringify(report, null, 2)}\n` : verdictText(report, paintFor(io.colours)));
  await writeReport(wanted.htmlFile, htmlReport, report, io);
  await writeReport(wanted.junitFile, junitReport, report, io);
  return exitCodes[report.standing];
}

function progressPrinter({ options }: DoctorArguments, io: Io): (progress: Progress) => void {
  const paint = paintFor(io.colours);
  const clear = io.interactive ? '\r\u001b[K' : '';
  const passing = (text: string) => (io.interactive ? io.err(`${clear}  ..  ${text}`) : undefined);
  return (progress) => {
    switch (progress.kind) {
      case 'plan':
        io.out(`${parseTarget(options.url).url}\n${progress.sentence}\n\n`);
        return;
      case 'step-started':
        passing(progress.title);
        return;
      case 'detail':
        passing(progress.text);
        return;
      case 'step-done':
        if (clear !== '') io.err(clear);
        io.out(`${stepLine(progress.step, paint, options.direct !== undefined)}\n`);
    }
  };
}

async function writeReport(
  file: string | null,
  render: (report: Report) => string,
  report: Report,
  io: Io,
): Promise<void> {
  if (file === null) return;
  try {
    await writeFile(resolve(io.cwd, file), render(report));
  } catch (error) {
    throw new BadInput(`${file} could not be written: ${error instanceof Error ? error.message : error}`);
  }
}
