import type { Disk } from './files.ts';
import { InputError } from './source-file.ts';

const HEADING = /^# configuration file (\/.*):\r?\n/gm;

/** What `nginx -T` prints: all files that nginx has read, each behind its name. */
export interface Dump extends Disk {
  /** The file that includes the others. */
  readonly root: string;
}

/** The files of a dump; `undefined` where the text is none. Line numbers are those of the files. */
export function readDump(text: string): Dump | undefined {
  const headings = [...text.matchAll(HEADING)];
  const [first] = headings;
  // Before the first file nginx says only that the configuration is in order, or warns.
  if (!first || !/^(\s*nginx: .*\n|\s*\n)*$/.test(text.slice(0, first.index))) return undefined;
  const texts = new Map(
    headings.map((heading, n) => [
      heading[1]!,
      text.slice(heading.index + heading[0].length, headings[n + 1]?.index),
    ]),
  );
  return {
    root: first[1]!,
    exists: (path) => texts.has(path),
    namesIn(path) {
      const inside = Array.from(texts.keys()).filter((name) => name.startsWith(`${path}/`));
      const names = inside.map((name) => name.slice(path.length + 1).split('/', 1)[0]!);
      return inside.length > 0 ? [...new Set(names)].toSorted() : undefined;
    },
    text(path) {
      const found = texts.get(path);
      if (found === undefined) throw new InputError(`${path} is not in the output of nginx -T.`);
      return found;
    },
  };
}
