import { parseArgs, type ParseArgsConfig } from 'node:util';
import { BadInput } from './bad-input.ts';
import { nearestOf } from './nearest.ts';

export const text = { type: 'string' } as const;
export const texts = { type: 'string', multiple: true } as const;
export const flag = { type: 'boolean' } as const;
export const help = { type: 'boolean', short: 'h' } as const;

/** The arguments of a command. Throws BadInput for one that there is not, or that lacks its value. */
export function parseArguments<O extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: O,
) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const [, unknown] = code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION' ? (/'([^']*)'/.exec(message) ?? []) : [];
    if (unknown === undefined) throw new BadInput(`${message.split('\n')[0]?.replace(/\.$/, '')}.`);
    const nearest = nearestOf(unknown.replace(/^-+/, ''), Object.keys(options));
    throw new BadInput(
      `There is no option ${unknown}; ${nearest ? `did you mean --${nearest}?` : '--help lists all.'}`,
    );
  }
}

/** A whole number given as an argument. Throws BadInput. */
export function wholeNumber(name: string, given: string, min: number, max: number): number {
  const value = /^\d{1,10}$/.test(given) ? Number(given) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new BadInput(`--${name} is a whole number from ${min} to ${max}, not "${given}".`);
}

/** A header given as "Name: value". Throws BadInput. */
export function headerOf(line: string): readonly [name: string, value: string] {
  const colon = line.indexOf(':');
  // Its value may be a credential.
  if (colon < 1)
    throw new BadInput(
      `--header wants "Name: value"; one begins with "${line.slice(0, 12)}", without a colon.`,
    );
  return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
}
