import { parseTOML, type AST } from 'toml-eslint-parser';
import type { Place, SourceFile } from '../source-file.ts';
import type { Setting } from './setting.ts';

/** A TOML file as one map. Throws an InputError. */
export function parseToml(source: SourceFile): Setting {
  const root: Setting = { source, start: 0, end: source.text.length, kind: 'map', entries: [] };
  for (const node of parse(source).body[0].body) {
    if (node.type === 'TOMLKeyValue')
      insert(root, keysOf(node.key), placeOf(source, node.key), convert(source, node.value));
    else {
      const place = placeOf(source, node.key);
      const table = descend(root, node.resolvedKey, place);
      for (const line of node.body)
        insert(table, keysOf(line.key), placeOf(source, line.key), convert(source, line.value));
    }
  }
  return root;
}

function parse(source: SourceFile): AST.TOMLProgram {
  try {
    return parseTOML(source.text);
  } catch (error) {
    const { message, index } = error as Error & { index?: number };
    throw source.errorAt(Math.min(index ?? 0, source.text.length), `this is not TOML: ${message}`);
  }
}

function placeOf(source: SourceFile, { range: [start, end] }: AST.TOMLNode): Place {
  return { source, start, end };
}

function keysOf({ keys }: AST.TOMLKey): string[] {
  return keys.map((key) => (key.type === 'TOMLBare' ? key.name : key.value));
}

function convert(source: SourceFile, node: AST.TOMLContentNode): Setting {
  const place = placeOf(source, node);
  if (node.type === 'TOMLArray')
    return { ...place, kind: 'list', items: node.elements.map((item) => convert(source, item)) };
  if (node.type === 'TOMLValue') return { ...place, kind: 'scalar', value: String(node.value) };
  const table: Setting = { ...place, kind: 'map', entries: [] };
  for (const line of node.body)
    insert(table, keysOf(line.key), placeOf(source, line.key), convert(source, line.value));
  return table;
}

function insert(table: Setting, keys: readonly string[], place: Place, value: Setting): void {
  const parent = descend(table, keys.slice(0, -1), place);
  if (parent.kind === 'map') parent.entries.push({ key: keys.at(-1) ?? '', place, value });
}

/** The table under these keys, made on the way; a number counts in an array of tables, and "404" is a name. */
function descend(table: Setting, keys: readonly (string | number)[], place: Place): Setting {
  const [key, ...rest] = keys;
  if (key === undefined) return table;
  const next =
    typeof rest[0] === 'number'
      ? { ...place, kind: 'list' as const, items: [] }
      : { ...place, kind: 'map' as const, entries: [] };
  return descend(childOf(table, key, place, next), rest, place);
}

function childOf(table: Setting, key: string | number, place: Place, fresh: Setting): Setting {
  if (table.kind === 'list') return (table.items[Number(key)] ??= fresh);
  if (table.kind === 'scalar') return fresh;
  const known = table.entries.find((entry) => entry.key === key);
  if (!known) table.entries.push({ key: String(key), place, value: fresh });
  return known?.value ?? fresh;
}
