import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Product } from '../../src/facts/rules/rule.ts';
import { parseApache } from '../../src/lint/apache/parse.ts';
import { parseCaddyfile } from '../../src/lint/caddy/parse.ts';
import { products } from '../../src/lint/detect.ts';
import { parseDurationMs } from '../../src/lint/durations.ts';
import { parseHaproxy } from '../../src/lint/haproxy/parse.ts';
import { parseNginx } from '../../src/lint/nginx/parse.ts';
import { InputError, SourceFile } from '../../src/lint/source-file.ts';
import { lintText } from './support.ts';

const source = (text: string) => new SourceFile('example', text);
const values = (words: readonly { readonly value: string }[]) => words.map(({ value }) => value);

describe('nginx', () => {
  it('reads quotation marks, escapes, variables in braces and comments', () => {
    const text = `log_format x '$a "b" \\'c\\''; # not ; this }\nset $d "\${e}f;{";\nrewrite ^/a\\;b$ /c;`;
    const directives = parseNginx(source(text));
    expect(directives.map(({ args }) => values(args))).toEqual([
      ['x', `$a "b" 'c'`],
      ['$d', '${e}f;{'],
      ['^/a\\;b$', '/c'],
    ]);
  });

  it('passes over blocks of Lua with braces of their own', () => {
    const text = `content_by_lua_block {\n local t = { a = "}", b = [=[ ]] } ]=] } -- }\n --[[ } ]]\n}\nlisten 80;`;
    expect(parseNginx(source(text)).map(({ name }) => name)).toEqual(['content_by_lua_block', 'listen']);
  });

  it('knows where each word stands', () => {
    const [server] = parseNginx(source('server {\n  listen 80;\n}'));
    const [listen] = server?.block ?? [];
    expect(listen?.source.positionAt(listen.args[0]?.start ?? 0)).toEqual({ line: 2, column: 10 });
  });
});

describe('HAProxy', () => {
  it('reads quotation marks, escaped blanks and comments', () => {
    const [section] = parseHaproxy(
      source('frontend a # b\n  log-format "%ts \\"x\\" #" # c\n  acl d path_beg /e\\ f \'g h\'\n'),
    );
    expect(section?.lines.map(({ words }) => values(words))).toEqual([
      ['log-format', '%ts "x" #'],
      ['acl', 'd', 'path_beg', '/e f', 'g h'],
    ]);
  });
});

describe('Apache', () => {
  it('reads lines that go on, quotation marks and sections', () => {
    const [host] = parseApache(
      source('<VirtualHost *:80>\n  ProxyPass "/a b" \\\n    http://x\n  # <Not>\n</VirtualHost>\n'),
    );
    expect(host?.args.map(({ value }) => value)).toEqual(['*:80']);
    expect(host?.children?.map(({ name, args }) => [name, ...values(args)])).toEqual([
      ['proxypass', '/a b', 'http://x'],
    ]);
    const [pass] = parseApache(source('ProxyPass /ws \\\r\n  http://x\r\n'));
    expect(values(pass?.args ?? [])).toEqual(['/ws', 'http://x']);
  });

  it('refuses a section that is closed by another name', () => {
    expect(() => parseApache(source('<Location />\n</Directory>\n'))).toThrow(
      /comes where <\/location> is expected/,
    );
  });
});

describe('Caddy', () => {
  it('reads addresses over several lines, quotation marks, heredocs and comments', () => {
    const nodes = parseCaddyfile(
      source(
        'a.com,\nb.com { # c\n  respond "x {" 200\n  respond "{"\n  "}"\n  header X `y z`\n  body <<END\n  {\n  END\n}\n',
      ),
    );
    expect(nodes.map(({ words }) => values(words))).toEqual([['a.com,', 'b.com']]);
    expect(nodes[0]?.children?.map(({ words }) => values(words))).toEqual([
      ['respond', 'x {', '200'],
      ['respond', '{'],
      ['}'],
      ['header', 'X', 'y z'],
      ['body', '  {'],
    ]);
  });
});

it('Caddy reads heredocs where lines end with CR LF, too', () => {
  const [site] = parseCaddyfile(source('a.com {\r\n  respond /x <<EOF\r\n  { }\r\n  EOF\r\n}\r\n'));
  expect(site?.children?.map(({ words }) => values(words))).toEqual([['respond', '/x', '  { }']]);
});

it('Caddy reads lines that go on where lines end with CR LF, too', () => {
  const [site] = parseCaddyfile(source('a.com {\r\n  reverse_proxy /ws* \\\r\n    b:80\r\n}\r\n'));
  expect(site?.children?.map(({ words }) => values(words))).toEqual([['reverse_proxy', '/ws*', 'b:80']]);
});

describe('times', () => {
  it.each([
    ['90', 1_000, 90_000],
    ['90', 1, 90],
    ['1h 30m', 1_000, 5_400_000],
    ['500ms', 1_000, 500],
    ['1.5h', 1, 5_400_000],
    ['$timeout', 1, undefined],
    ['', 1, undefined],
  ])('"%s" in units of %d ms is %s ms', (text, unit, expected) => {
    expect(parseDurationMs(text, unit)).toBe(expected);
  });
});

describe('any text', () => {
  const pieces = [
    'server',
    'location',
    '{',
    '}',
    ';',
    '"',
    "'",
    '\\',
    '\n',
    ' ',
    '#',
    '<',
    '>',
    '</a>',
    'proxy_pass',
    'http://a',
    '$',
    '${',
    'defaults',
    'backend b',
    'server a b',
    'ProxyPass',
    'reverse_proxy',
    'import x',
    '<<E',
    '`',
    '@',
    ':',
    '- ',
    'a: ',
    '[',
    ']',
    '= ',
    '*a',
    '&a',
    '"""',
    'ws',
    '/ws',
  ];
  const texts = fc
    .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 3 })), { maxLength: 40 })
    .map((parts) => parts.join(''));

  it.each(products)('as %s is checked or refused with a sentence', (product: Product) => {
    fc.assert(
      fc.property(texts, (text) => {
        try {
          return lintText(product, text).findings.every(({ line, column }) => line >= 1 && column >= 1);
        } catch (error) {
          return error instanceof InputError && error.message.length > 0;
        }
      }),
      { numRuns: 300 },
    );
  });
});
