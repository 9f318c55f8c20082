import type { LintContext } from '../finding.ts';
import { soundsLikeWebSocket } from '../websocket-names.ts';
import type { Line, Section } from './parse.ts';
import { backendsOf, modeOf, ownLines, waysOf, type Way } from './scope.ts';

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

/** What one line's condition looks at: its own tests in braces, and those of the ACLs that it names. */
export function conditionTests(section: Section, line: Line): readonly string[] {
  const start = line.words.findIndex(({ value }) => value === 'if' || value === 'unless');
  if (start === -1) return [];
  const words = line.words.slice(start + 1).map(({ value }) => value);
  const condition = words.join(' ');
  const inBraces = [...condition.matchAll(/\{([^}]*)\}/g)].map((match) => match[1]?.trim() ?? '');
  const named = ownLines(section, 'acl').filter((acl) =>
    words.some((word) => word.replace(/^!/, '') === acl.words[1]?.value),
  );
  return [
    ...inBraces,
    ...named.map((acl) =>
      acl.words
        .slice(2)
        .map(({ value }) => value)
        .join(' '),
    ),
  ];
}

export function isAboutWebSocket(test: string, path: string | undefined): boolean {
  if (/hdr\((Upgrade|Connection|Sec-WebSocket-[A-Za-z]+)\)/i.test(test)) return true;
  const patterns = pathPatterns(test);
  return patterns.some((pattern) =>
    path === undefined ? soundsLikeWebSocket(pattern) : path.startsWith(pattern),
  );
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
