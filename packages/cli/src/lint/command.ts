import { EXIT_NOT_TESTED, EXIT_OK, EXIT_PROBLEM, type Io } from '../io.ts';
import { Files } from './files.ts';
import { fixFile } from './fix.ts';
import { lintFile, type LintedFile } from './lint.ts';
import { lintHelp, parseLintOptions, type LintOptions } from './options.ts';
import { reportJson } from './report-json.ts';
import { reportSarif } from './report-sarif.ts';
import { reportText } from './report-text.ts';
import { InputError } from './source-file.ts';

/** `holdfast lint`. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const options = parseLintOptions(args);
  if (options.kind === 'help') {
    io.out(lintHelp);
    return EXIT_OK;
  }
  if (options.kind === 'wrong') {
    io.err(`holdfast lint: ${options.complaint} (holdfast lint --help shows the arguments.)\n`);
    return EXIT_NOT_TESTED;
  }
  try {
    return lint(options, io);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    io.err(`holdfast lint: ${error.message}\n`);
    return EXIT_NOT_TESTED;
  }
}

function lint(
  { paths, as, format, fix, skipsMissing, context }: LintOptions & { kind: 'lint' },
  io: Io,
): number {
  const files = new Files({ skipsMissing, input: () => io.input() });
  const linted: LintedFile[] = [];
  let mended = 0;
  for (const path of paths) {
    if (fix) {
      const fixed = fixFile(path, as, context, files);
      linted.push(fixed.linted);
      mended += fixed.mended;
    } else {
      linted.push(lintFile(path, as, context, files));
    }
  }
  if (fix) files.save();
  if (format === 'json') io.out(reportJson(linted));
  else if (format === 'sarif') io.out(reportSarif(linted, io.cwd));
  else
    io.out(reportText(linted, { colours: io.colours, passedOver: files.passedOver, ...(fix && { mended }) }));
  const isClean = linted.every(({ findings }) => findings.every(({ rule }) => rule.severity === 'info'));
  return isClean ? EXIT_OK : EXIT_PROBLEM;
}
