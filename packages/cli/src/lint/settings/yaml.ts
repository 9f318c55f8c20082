import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseAllDocuments,
  type Alias,
  type Document,
  type Node,
  type ParsedNode,
  visit,
} from 'yaml';
import { InputError, type Place, type SourceFile } from '../source-file.ts';
import { SETTINGS_MAX, type Entry, type Setting } from './setting.ts';

/** Every document of a YAML (or JSON) file. Throws an InputError. */
export function parseYaml(source: SourceFile): Setting[] {
  const documents = parseAllDocuments(source.text, { logLevel: 'silent', uniqueKeys: false });
  const list: readonly Document.Parsed<ParsedNode>[] = Array.isArray(documents) ? documents : [];
  for (const { errors } of list) {
    const [error] = errors;
    if (error)
      throw source.errorAt(
        error.pos[0],
        `this is not YAML: ${error.message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '')}`,
      );
  }
  const converter = new Converter(source);
  return list.flatMap((document) =>
    document.contents ? [converter.convert(document.contents, targetsOf(document))] : [],
  );
}

type Targets = ReadonlyMap<Alias, Node>;

/** What each alias stands for: the node that carried its anchor last before it (YAML 1.2.2, 7.1). One walk for all. */
function targetsOf(document: Document.Parsed<ParsedNode>): Targets {
  const anchors = new Map<string, Node>();
  const targets = new Map<Alias, Node>();
  visit(document, {
    Alias: (_key, alias) => {
      const target = anchors.get(alias.source);
      if (target) targets.set(alias, target);
    },
    Value: (_key, node) => {
      if (node.anchor !== undefined) anchors.set(node.anchor, node);
    },
  });
  return targets;
}

class Converter {
  readonly #source: SourceFile;
  /** What has an anchor, converted, and how many values that is: an alias costs nothing but counts in full. */
  readonly #known = new Map<Node, { readonly setting: Setting; readonly count: number }>();
  #count = 0;

  constructor(source: SourceFile) {
    this.#source = source;
  }

  convert(node: Node | null, targets: Targets): Setting {
    if (isAlias(node)) return this.#convertAlias(node, targets);
    const countBefore = this.#count;
    this.#add(1);
    const setting = this.#convertPlain(node, targets);
    if (node && 'anchor' in node && node.anchor !== undefined) {
      this.#known.set(node, { setting, count: this.#count - countBefore });
    }
    return setting;
  }

  #convertAlias(alias: Alias, targets: Targets): Setting {
    const target = targets.get(alias);
    if (!target) return this.convert(null, targets);
    const known = this.#known.get(target);
    // Its target is not finished, so the alias stands inside of it.
    if (!known) throw this.#source.errorAt(alias.range?.[0] ?? 0, `*${alias.source} refers to itself.`);
    this.#add(known.count);
    return known.setting;
  }

  #add(count: number): void {
    this.#count += count;
    if (this.#count > SETTINGS_MAX) {
      throw new InputError(`${this.#source.path} unfolds to more than ${SETTINGS_MAX} values.`);
    }
  }

  #convertPlain(node: Node | null, targets: Targets): Setting {
    const place = this.#placeOf(node);
    if (isMap(node)) {
      // What is merged in stands first, because the last entry of a name holds, and a map's own win (YAML merge key).
      const isMerged = ({ key }: (typeof node.items)[number]) => isScalar(key) && key.value === '<<';
      const items = node.items.toSorted((a, b) => Number(isMerged(b)) - Number(isMerged(a)));
      const entries = items.flatMap(({ key, value }) =>
        this.#entries(key as Node, value as Node | null, targets),
      );
      return { ...place, kind: 'map', entries };
    }
    if (isSeq(node))
      return {
        ...place,
        kind: 'list',
        items: node.items.map((item) => this.convert(item as Node, targets)),
      };
    return { ...place, kind: 'scalar', value: isScalar(node) ? String(node.value ?? '') : '' };
  }

  #entries(key: Node, value: Node | null, targets: Targets): Entry[] {
    const name = isScalar(key) ? String(key.value) : '';
    const converted = this.convert(value, targets);
    // A merge key stands for the entries of the map, or maps, that it names.
    if (name === '<<')
      return (converted.kind === 'list' ? converted.items : [converted]).flatMap((map) =>
        map.kind === 'map' ? map.entries : [],
      );
    return [{ key: name, place: this.#placeOf(key), value: converted }];
  }

  #placeOf(node: Node | null): Place {
    const [start, end] = node?.range ?? [0, 0];
    return { source: this.#source, start, end };
  }
}
