import { at, entriesOf, itemsOf, textAt, textOf, type Entry, type Setting } from '../settings/setting.ts';
import type { Place } from '../source-file.ts';

type Tree = Setting & { kind: 'map' };

/**
 * What a Compose file says to Traefik, as the settings that a file of its own would hold: the arguments of its command
 * are static ones, the labels of all services dynamic ones (Traefik documentation, CLI and Docker provider). `undefined`
 * for any other document.
 */
export function composeSettings(document: Setting): Setting | undefined {
  const services = at(document, 'services');
  if (services?.kind !== 'map') return undefined;
  const tree = emptyTree(document);
  for (const { value: service } of services.entries) {
    for (const [path, value] of argumentsOf(at(service, 'command'))) put(tree, path, value);
    const labels = [...labelsOf(at(service, 'labels')), ...labelsOf(at(service, 'deploy', 'labels'))];
    for (const [path, value] of labels) put(tree, path, value);
    nameTheOnlyService(tree, labels);
  }
  return tree;
}

function* argumentsOf(command: Setting | undefined): Generator<[string[], Setting]> {
  const inOneLine = textOf(command)?.split(/\s+/) ?? [];
  const words =
    command && inOneLine.length > 0 ? inOneLine.map((word) => scalar(command, word)) : itemsOf(command);
  for (const word of words) {
    const [, name, value = 'true'] = /^--([\w.[\]@-]+)(?:=(.*))?$/.exec(textOf(word) ?? '') ?? [];
    if (name?.includes('.')) yield [name.split('.'), scalar(word, value)];
  }
}

/** Labels are a list of "name=value", or a map. */
function* labelsOf(labels: Setting | undefined): Generator<[string[], Setting]> {
  const pairs = [
    ...entriesOf(labels).map(({ key, place, value }) => [key, scalar(place, textOf(value) ?? '')] as const),
    ...itemsOf(labels).map((item) => {
      const [, name = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(textOf(item) ?? '') ?? [];
      return [name.trim(), scalar(item, value)] as const;
    }),
  ];
  for (const [name, value] of pairs) if (/^traefik\./i.test(name)) yield [name.split('.').slice(1), value];
}

/** A router that names no service takes that of its container, if it has only one. */
function nameTheOnlyService(tree: Tree, labels: readonly [string[], Setting][]): void {
  const namesUnder = (kind: string): string[] => [
    ...new Set(labels.flatMap(([path]) => (isUnder(path, kind) ? path[2]! : []))),
  ];
  const [service, another] = namesUnder('services');
  if (service === undefined || another !== undefined) return;
  for (const router of namesUnder('routers')) {
    const settings = at(tree, 'http', 'routers', router);
    if (settings && textAt(settings, 'service') === undefined)
      put(tree, ['http', 'routers', router, 'service'], scalar(settings, service));
  }
}

function isUnder([http, kind]: readonly string[], wanted: string): boolean {
  return http?.toLowerCase() === 'http' && kind?.toLowerCase() === wanted;
}

/** `middlewares` is a list; anything else that is read here is a text. */
function put(tree: Tree, path: readonly string[], value: Setting): void {
  let inside = tree;
  for (const key of path.slice(0, -1)) {
    let entry = inside.entries.find((own) => own.key === key);
    if (entry?.value.kind !== 'map') {
      entry = { key, place: placeOf(value), value: emptyTree(value) };
      inside.entries.push(entry);
    }
    inside = entry.value as Tree;
  }
  const key = path.at(-1)!;
  const isList = key.toLowerCase() === 'middlewares';
  const items = (textOf(value) ?? '').split(',').map((item) => scalar(value, item.trim()));
  const entry: Entry = {
    key,
    place: placeOf(value),
    value: isList ? { ...placeOf(value), kind: 'list', items } : value,
  };
  inside.entries.push(entry);
}

function scalar(place: Place, value: string): Setting {
  return { ...placeOf(place), kind: 'scalar', value };
}

function emptyTree(place: Place): Tree {
  return { ...placeOf(place), kind: 'map', entries: [] };
}

function placeOf({ source, start, end }: Place): Place {
  return { source, start, end };
}
