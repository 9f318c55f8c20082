import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseAllDocuments,
  type Document,
  type Node,
  type ParsedNode,
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
    document.contents ? [converter.convert(document.contents, document)] : [],
  );
}

class Converter {
  readonly #source: SourceFile;
  #count = 0;

  constructor(source: SourceFile) {
    this.#source = source;
  }

  convert(node: Node | null, document: Document): Setting {
    this.#count += 1;
    if (this.#count > SETTINGS_MAX)
      throw new InputError(`${this.#source.path} unfolds to more than ${SETTINGS_MAX} values.`);
    if (isAlias(node)) return this.convert(node.resolve(document) ?? null, document);
    const place = this.#placeOf(node);
    if (isMap(node)) {
      const entries = node.items.flatMap(({ key, value }) =>
        this.#entries(key as Node, value as Node | null, document),
      );
      return { ...place, kind: 'map', entries };
    }
    if (isSeq(node))
      return {
        ...place,
        kind: 'list',
        items: node.items.map((item) => this.convert(item as Node, document)),
      };
    return { ...place, kind: 'scalar', value: isScalar(node) ? String(node.value ?? '') : '' };
  }

  #entries(key: Node, value: Node | null, document: Document): Entry[] {
    const name = isScalar(key) ? String(key.value) : '';
    const converted = this.convert(value, document);
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
