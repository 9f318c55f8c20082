import type { LintContext } from '../finding.ts';
import { soundsLikeWebSocket } from '../websocket-names.ts';
import type { Line, Section } from './parse.ts';
import { backendsOf, holdsWord, modeOf, ownLines, waysOf, type Way } from './scope.ts';

/**
 * The ways that carry WebSockets. HAProxy needs no setting for them, so any HTTP proxy may; but when
 * some are marked by a name, a tunnel timeout of their own or a route by Upgrade, only those count.
 */
export function webSocketWays(sections: readonly Section[], context: LintContext): Way[] {
  const ways = waysOf(sections).filter(({ front, back }) => isHttp(back) || isTcpOnWebPort(front));
  const marked = ways.filter((way) => isMarked(way, context));
  return marked.length > 0 ? marked : ways;
}

function isHttp(section: Section): boolean {
  return modeOf(section) === 'http';
}

/** A TCP proxy may carry anything; on these ports it carries HTTP. */
export function isTcpOnWebPort(front: Section): boolean {
  const binds = ownLines(front, 'bind').flatMap((line) => line.words[1]?.value.split(',') ?? []);
  return modeOf(front) === 'tcp' && binds.some((address) => /:(80|443|8080|8443)$/.test(address));
}

function isMarked({ front, back }: Way, { path }: LintContext): boolean {
  if (soundsLikeWebSocket(back.name) || ownLines(back, 'timeout', 'tunnel').length > 0) return true;
  const routes = ownLines(front, 'use_backend').filter((line) => line.words[1]?.value === back.name);
  return routes.some((line) => conditionTests(front, line).some((test) => isAboutWebSocket(test, path)));
}

/** A part of a condition: a test in braces, or the name of ACLs, any of which will do. */
export interface Term {
  readonly isNegated: boolean;
  readonly tests: readonly string[];
}

/** The alternatives of a line's condition, each with the terms that must all hold (HAProxy manual, 7.2). */
export function conditionOf(section: Section, line: Line): readonly (readonly Term[])[] {
  const start = line.words.findIndex(({ value }) => value === 'if' || value === 'unless');
  if (start === -1) return [];
  return textOf(line.words.slice(start + 1))
    .split(/ (?:\|\||or) /)
    .map((terms) =>
      Array.from(terms.matchAll(term), ([, not, test, name]) => ({
        isNegated: not === '!',
        tests: test === undefined ? testsOfAcl(section, name ?? '') : [test.trim()],
      })),
    );
}

const term = /(!?) ?(?:\{([^}]*)\}|([^\s!{]+))/g;

function testsOfAcl(section: Section, name: string): readonly string[] {
  return ownLines(section, 'acl')
    .filter((acl) => acl.words[1]?.value === name)
    .map((acl) => textOf(acl.words.slice(2)));
}

function textOf(words: Line['words']): string {
  return words.map(({ value }) => value).join(' ');
}

/** All that a line's condition asks for; what it keeps out is asked for by nobody. */
function conditionTests(section: Section, line: Line): readonly string[] {
  if (holdsWord(line, 'unless')) return [];
  const terms = conditionOf(section, line).flat();
  return terms.filter(({ isNegated }) => !isNegated).flatMap(({ tests }) => tests);
}

export function isAboutWebSocket(test: string, path: string | undefined): boolean {
  if (/hdr\((Upgrade|Connection|Sec-WebSocket-[A-Za-z]+)\)/i.test(test)) return true;
  const isWhole = /^(path|url|capture\.req\.uri)\b/.test(test) && !/\s-m\s/.test(test);
  return pathPatterns(test).some((pattern) => {
    if (path === undefined) return soundsLikeWebSocket(pattern);
    return isWhole ? path === pattern : path.startsWith(pattern);
  });
}

/** The paths that a test such as "path_beg -i /ws /live" compares with. */
function pathPatterns(test: string): readonly string[] {
  if (!/^(path|path_beg|path_dir|url|url_beg|capture\.req\.uri)\b/.test(test)) return [];
  return test
    .split(/\s+/)
    .slice(1)
    .filter((word) => word.startsWith('/'));
}

/** The paths by which the front sends to this back; empty when it takes everything. */
export function pathsTo({ front, back }: Way): readonly string[] {
  if (!backendsOf(front).includes(back.name)) return [];
  const routes = ownLines(front, 'use_backend').filter((line) => line.words[1]?.value === back.name);
  return routes.flatMap((line) => conditionTests(front, line).flatMap(pathPatterns));
}
