import { HoldfastError } from '../protocol/error-codes.ts';
import { NAME_BYTES_MAX } from '../protocol/limits.ts';
import type { Position } from '../protocol/position.ts';
import type { WireStart } from '../session/cursors.ts';
import type { Start } from './types.ts';

/** Where a subscription begins, as it stands on the wire. */
export function wireStart(given: Start): WireStart {
  if (given === 'now' || given === 'start') return { from: given, epoch: 0, offset: 0 };
  const start: WireStart =
    'last' in Object(given)
      ? { from: 'last', epoch: 0, offset: (given as { last: number }).last }
      : { from: 'position', ...(given as Position) };
  if ([start.epoch, start.offset].every((value) => Number.isSafeInteger(value) && value >= 0)) return start;
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

export function checkNumbers(given: object): void {
  for (const [name, value] of Object.entries(given)) {
    // "Never" makes sense of those alone that only this side keeps.
    const isPossible = typeof value === 'number' && value > 0 && (name !== 'intervalMs' || value < Infinity);
    if (!isPossible) invalid(`"${name}" is ${value}; it must be a number above 0`);
  }
}

/** The defaults, with the numbers that were given over them. */
export function fill<T extends object>(defaults: T, given?: Partial<T>): T {
  const filled = { ...defaults, ...given };
  checkNames(filled, Object.keys(defaults));
  checkNumbers(filled);
  return filled;
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
