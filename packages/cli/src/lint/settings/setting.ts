import type { Place } from '../source-file.ts';

/** A value of a YAML or TOML file that knows where it stands. */
export type Setting = Place &
  (
    | { readonly kind: 'map'; readonly entries: Entry[] }
    | { readonly kind: 'list'; readonly items: Setting[] }
    | { readonly kind: 'scalar'; readonly value: string }
  );

export interface Entry {
  readonly key: string;
  /** Where the key stands: a complaint points there. */
  readonly place: Place;
  readonly value: Setting;
}

/** Aliases can multiply a small file beyond measure; no real configuration has as many values. */
export const SETTINGS_MAX = 200_000;

/** stream_idle_timeout, streamIdleTimeout and streamidletimeout are one key to the programs that read them. */
function canonical(key: string): string {
  return key.replace(/[_-]/g, '').toLowerCase();
}

export function entriesOf(setting: Setting | undefined): readonly Entry[] {
  return setting?.kind === 'map' ? setting.entries : [];
}

export function itemsOf(setting: Setting | undefined): readonly Setting[] {
  return setting?.kind === 'list' ? setting.items : [];
}

export function entryOf(setting: Setting | undefined, key: string): Entry | undefined {
  const wanted = canonical(key);
  return entriesOf(setting).findLast((entry) => canonical(entry.key) === wanted);
}

/** The value under these keys, one below the other. */
export function at(setting: Setting | undefined, ...keys: readonly string[]): Setting | undefined {
  let value = setting;
  for (const key of keys) value = entryOf(value, key)?.value;
  return value;
}

export function textOf(setting: Setting | undefined): string | undefined {
  return setting?.kind === 'scalar' ? setting.value : undefined;
}

/** The text under these keys. */
export function textAt(setting: Setting | undefined, ...keys: readonly string[]): string | undefined {
  return textOf(at(setting, ...keys));
}

/** Every map in a tree, itself included. */
export function* walkMaps(setting: Setting | undefined): Generator<Setting> {
  if (setting?.kind === 'map') {
    yield setting;
    for (const { value } of setting.entries) yield* walkMaps(value);
  }
  for (const item of itemsOf(setting)) yield* walkMaps(item);
}

/** A complaint about a whole map points at its first key. */
export function headOf(setting: Setting): Place {
  return entriesOf(setting)[0]?.place ?? { source: setting.source, start: setting.start, end: setting.start };
}
