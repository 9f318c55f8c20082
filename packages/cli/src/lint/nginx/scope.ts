import { indexBy } from '../index-by.ts';
import type { Directive } from './parse.ts';

/** The directives of this name in a list. */
export const named = indexBy<Directive>(({ name }) => name);

/** A block and those around it, from the innermost outwards; the last one is the file itself. */
export type Levels = readonly (readonly Directive[])[];

export function levelsOf(block: Directive, top: readonly Directive[]): Levels {
  const levels: (readonly Directive[])[] = [];
  for (let at: Directive | undefined = block; at; at = at.parent) levels.push(at.block ?? []);
  return [...levels, top];
}

/**
 * The directives of this name that hold in the innermost level: those of the nearest level that has
 * any. Lists such as proxy_set_header are inherited whole or not at all.
 */
export function effectiveAll(levels: Levels, name: string): readonly Directive[] {
  for (const level of levels) {
    const own = named(level, name);
    if (own.length > 0) return own;
  }
  return [];
}

export function effective(levels: Levels, name: string): Directive | undefined {
  return effectiveAll(levels, name).at(-1);
}

export function argument(directive: Directive | undefined, index = 0): string | undefined {
  return directive?.args[index]?.value;
}

export function isOn(directive: Directive | undefined): boolean {
  return argument(directive)?.toLowerCase() === 'on';
}

/** The proxy_set_header line for this header that holds here. */
export function effectiveHeader(levels: Levels, header: string): Directive | undefined {
  return findHeader(effectiveAll(levels, 'proxy_set_header'), header);
}

/** nginx sends the value of each line; one that is empty sends nothing, and takes nothing from the others. */
export function findHeader(lines: readonly Directive[], header: string): Directive | undefined {
  const own = lines.filter((line) => argument(line)?.toLowerCase() === header);
  return own.findLast((line) => headerValue(line) !== undefined) ?? own.at(-1);
}

/** An empty value removes a header, so it counts as not sent. */
export function headerValue(line: Directive | undefined): string | undefined {
  const value = argument(line, 1);
  return value === '' ? undefined : value;
}

export function* walk(directives: readonly Directive[]): Generator<Directive> {
  for (const directive of directives) {
    yield directive;
    if (directive.block) yield* walk(directive.block);
  }
}

export function enclosing(directive: Directive | undefined, name: string): Directive | undefined {
  for (let at = directive; at; at = at.parent) if (at.name === name) return at;
  return undefined;
}

/** Where a complaint about a whole block points: its first line, without the brace. */
export function headOf(directive: Directive): { source: Directive['source']; start: number; end: number } {
  return {
    source: directive.source,
    start: directive.start,
    end: directive.args.at(-1)?.end ?? directive.nameEnd,
  };
}
