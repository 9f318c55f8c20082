import { parseDurationMs } from '../durations.ts';
import { indexBy } from '../index-by.ts';
import type { Line, Section } from './parse.ts';

const byKeyword = indexBy<Line>(({ words }) => words[0]?.value ?? '');

/** A proxy that clients reach: a frontend or a listen section, and where it sends them. */
export interface Way {
  readonly front: Section;
  readonly back: Section;
}

function begins(line: Line, keywords: readonly string[]): boolean {
  return keywords.every((keyword, index) => line.words[index]?.value === keyword);
}

export function ownLines(section: Section, ...keywords: string[]): readonly Line[] {
  return byKeyword(section.lines, keywords[0] ?? '').filter((line) => begins(line, keywords));
}

/** The last line with these keywords in the section, else in the defaults that hold there. */
export function effective(section: Section, ...keywords: string[]): Line | undefined {
  for (let at: Section | undefined = section; at; at = at.defaults) {
    const own = ownLines(at, ...keywords).at(-1);
    if (own) return own;
  }
  return undefined;
}

/** Whether an option holds: the nearest "option X" or "no option X" decides. */
export function hasOption(section: Section, option: string): boolean {
  for (let at: Section | undefined = section; at; at = at.defaults) {
    const line = at.lines.findLast(
      (candidate) => begins(candidate, ['option', option]) || begins(candidate, ['no', 'option', option]),
    );
    if (line) return line.words[0]?.value === 'option';
  }
  return false;
}

/** The time at a word of a line, in milliseconds, in which HAProxy also counts a bare number. */
export function durationMs(line: Line | undefined, index: number): number | undefined {
  return line && parseDurationMs(line.words[index]?.value ?? '', 1);
}

/** The value of a line such as "timeout client 30s". */
export function timeoutMs(line: Line | undefined): number | undefined {
  return durationMs(line, 2);
}

export function modeOf(section: Section): string {
  return effective(section, 'mode')?.words[1]?.value ?? 'tcp';
}

export function serversOf(section: Section): readonly Line[] {
  return section.lines.filter((line) => ['server', 'server-template'].includes(line.words[0]?.value ?? ''));
}

export function holdsWord(line: Line, word: string): boolean {
  return line.words.some(({ value }) => value === word);
}

/** The word after this one, as in "maxconn 100". */
export function wordAfter(line: Line, word: string): string | undefined {
  const index = line.words.findIndex(({ value }) => value === word);
  return index === -1 ? undefined : line.words[index + 1]?.value;
}

/** What a server line sets, or else the last "default-server" above it, or one of the defaults. */
export function serverSetting(back: Section, server: Line, word: string): string | undefined {
  for (let at: Section | undefined = back; at; at = at.defaults) {
    const general = ownLines(at, 'default-server').filter(({ start }) => start < server.start);
    const line = [...general, ...(at === back ? [server] : [])].findLast((one) => holdsWord(one, word));
    if (line) return wordAfter(line, word);
  }
  return undefined;
}

/** How many connections a server takes at once; HAProxy takes 0 as no limit. */
export function maxconnOf(back: Section, server: Line): number | undefined {
  return Number(serverSetting(back, server, 'maxconn') ?? 0) || undefined;
}

/** Every pair of a front and a back that has servers. A listen section is both. */
export function waysOf(sections: readonly Section[]): Way[] {
  const backs = sections
    .filter(({ kind }) => kind === 'backend' || kind === 'listen')
    .filter((back) => serversOf(back).length > 0);
  return backs.flatMap((back) => {
    if (back.kind === 'listen') return [{ front: back, back }];
    const fronts = sections.filter(
      (front) => (front.kind === 'frontend' || front.kind === 'listen') && leadsTo(front, back),
    );
    return fronts.map((front) => ({ front, back }));
  });
}

/** A name that is only known at run time, such as %[req.hdr(host),map(…)], may be that of any backend. */
function leadsTo(front: Section, back: Section): boolean {
  return backendsOf(front).some((name) => name === back.name || name.includes('%['));
}

export function backendsOf(front: Section): readonly string[] {
  const lines = [
    ...ownLines(front, 'use_backend'),
    ...ownLines(front, 'default_backend'),
    ...(front.defaults ? ownLines(front.defaults, 'default_backend') : []),
  ];
  return lines.map((line) => line.words[1]?.value ?? '');
}
