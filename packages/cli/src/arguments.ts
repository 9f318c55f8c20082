import { parseArgs, type ParseArgsConfig } from 'node:util';
import { BadInput } from './bad-input.ts';

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
    // The other lines are advice about dashes that no argument here needs.
    throw new BadInput((error as Error).message.split('\n')[0]);
  }
}

/** A whole number given as an argument. Throws BadInput. */
export function wholeNumber(name: string, given: string, min: number, max: number): number {
  const value = /^\d{1,9}$/.test(given) ? Number(given) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new BadInput(`--${name} is a whole number from ${min} to ${max}, not "${given}".`);
}
