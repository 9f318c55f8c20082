/**
 * The items of a list by a name, counted once per list: checks ask for the same names at every level
 * of every route, and a generated configuration has thousands of routes.
 */
export function indexBy<Item extends object>(
  nameOf: (item: Item) => string,
): (list: readonly Item[], name: string) => readonly Item[] {
  const known = new WeakMap<readonly Item[], ReadonlyMap<string, readonly Item[]>>();
  const none: readonly Item[] = [];
  return (list, name) => {
    let index = known.get(list);
    if (!index) {
      index = group(list, nameOf);
      known.set(list, index);
    }
    return index.get(name) ?? none;
  };
}

function group<Item>(
  list: readonly Item[],
  nameOf: (item: Item) => string,
): ReadonlyMap<string, readonly Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of list) {
    const name = nameOf(item);
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  return groups;
}
