import { BadInput } from '../bad-input.ts';
import { unknownText } from './configuration.ts';
import { flagOf, settings, variableOf } from './settings.ts';

export interface ServeArguments {
  readonly file: string | undefined;
  /** Flags by their setting's path. */
  readonly flags: ReadonlyMap<string, string>;
  /** Only check, and say what would be served. */
  readonly checkOnly: boolean;
}

const pathOfFlag = new Map(
  settings.filter(({ fileOnly }) => !fileOnly).map(({ path }) => [flagOf(path), path]),
);

/** Null when help was asked for. Throws BadInput. */
export function parseServeArguments(args: readonly string[]): ServeArguments | null {
  const flags = new Map<string, string>();
  let file: string | undefined;
  let checkOnly = false;
  for (let i = 0; i < args.length; i++) {
    const [name, inline] = splitOnce(args[i]!);
    if (name === '--help' || name === '-h') return null;
    if (name === '--check') {
      checkOnly = true;
      continue;
    }
    if (!name.startsWith('-')) {
      if (file !== undefined)
        throw new BadInput(`there is one configuration file, not two: ${file} and ${name}.`);
      file = args[i]!;
      continue;
    }
    const path = pathOfFlag.get(name);
    if (path === undefined) throw new BadInput(unknownText(name.replace(/^-+/, '')));
    const value = inline ?? args[++i];
    if (value === undefined) throw new BadInput(`${name} wants a value.`);
    flags.set(path, value);
  }
  return { file, flags, checkOnly };
}

function splitOnce(argument: string): [string, string | undefined] {
  const at = argument.startsWith('--') ? argument.indexOf('=') : -1;
  return at < 0 ? [argument, undefined] : [argument.slice(0, at), argument.slice(at + 1)];
}

export const serveHelp = `holdfast serve: a server for those whose backend is not TypeScript

Usage: holdfast serve [FILE] [--SETTING VALUE …] [--check]

FILE is YAML or JSON. Each setting below may also be a flag or, before the file, an environment variable;
a flag goes before a variable, a variable before the file. Lists are given with commas there.
--check reads all of it, says what is wrong, and serves nothing.

${settings
  .map(({ path, help, fileOnly }) => {
    const ways = fileOnly ? '(in the file)' : `${flagOf(path)}  ${variableOf(path)}`;
    return `  ${path}\n      ${help}\n      ${ways}`;
  })
  .join('\n')}

SIGHUP reads all of it again and replaces the workers one by one, without a gap for anybody; SIGTERM lets every
client move away, then ends. Exit codes: 0 ended when it was asked to, 2 it could not be started.
`;
