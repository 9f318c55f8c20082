import { HoldfastError } from '../protocol/error-codes.ts';
import { NAME_BYTES_MAX } from '../protocol/limits.ts';
import type { WireStart } from '../session/cursors.ts';
import type { Start } from './types.ts';

/** Where a subscription begins, as it stands on the wire. */
export function wireStart(given: Start): WireStart {
  const { from, epoch, offset } =
    typeof given !== 'object'
      ? { from: given, epoch: 0, offset: 0 }
      : 'last' in given
        ? { from: 'last' as const, epoch: 0, offset: given.last }
        : { from: 'position' as const, ...given };
  const isKnown = typeof given === 'object' || given === 'now' || given === 'start';
  const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
  if (isKnown && isCount(epoch) && isCount(offset)) return { from, epoch, offset };
  invalid('"from" must be "now", "start", { last: n } or a position');
}

export function checkFunction(given: unknown): void {
  if (typeof given !== 'function') invalid(`A handler must be a function, not ${given}`);
}

/** A name that is mistyped would be an option that nobody follows. */
export function checkNames(given: object, names: readonly string[]): void {
  for (const name of Object.keys(given))
    if (!names.includes(name)) invalid(`There is no option "${name}"; there are: ${names.join(', ')}`);
}

export function checkNumber(name: string, given: unknown): void {
  // "Never" makes sense of those alone that only this side keeps.
  const isPossible = typeof given === 'number' && given > 0 && (name !== 'intervalMs' || given < Infinity);
  if (!isPossible) invalid(`"${name}" is ${given}; it must be a number above 0`);
}

/** For a name that is longer a server closes the connection, and a retry would meet the same end for ever. */
export function checkName(name: string): void {
  if (!isText(name, NAME_BYTES_MAX))
    throw new HoldfastError(
      'invalid-name',
      `A name is a string of at most ${NAME_BYTES_MAX} bytes in UTF-8.`,
    );
}

export function invalid(text: string): never {
  throw new HoldfastError('invalid-option', `${text}.`);
}

/** Whether it can be written as a text of the wire, and be read by a server. */
export function isText(value: unknown, bytesMax: number): boolean {
  return typeof value === 'string' && new TextEncoder().encode(value).length <= bytesMax;
}
