import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../../src/lint/command.ts';
import { runCommand, type Said } from '../run-command.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'holdfast-lint-'));
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const lint = (...args: string[]): Promise<Said> => runCommand(run, args, { cwd: folder });

const broken = 'server {\n  listen 80;\n  location /ws {\n    proxy_pass http://127.0.0.1:1;\n  }\n}\n';

const clean = `map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
server {
  listen 80 so_keepalive=on;
  location /ws {
    proxy_pass http://127.0.0.1:1;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    proxy_set_header Host $host;
    proxy_read_timeout 75s;
    proxy_socket_keepalive on;
  }
}
`;

describe('holdfast lint on what nginx -T prints', () => {
  const dump = `nginx: the configuration file /srv/nginx.conf syntax is ok
nginx: configuration file /srv/nginx.conf test is successful
# configuration file /srv/nginx.conf:
events {}
http {
  include sites/*.conf;
  include /srv/common/gzip;
}

# configuration file /srv/sites/app.conf:
${broken}
# configuration file /srv/common/gzip:
gzip on;

`;

  it('follows the includes in there, and names their files and lines', async () => {
    const { code, out, err } = await lint(write('dump.txt', dump));
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(out).toContain('/srv/sites/app.conf:4:5  error  NGX001');
    expect(out).not.toContain('--fix');
  });

  it('reads standard input', async () => {
    const input = (text: string) => ({ input: () => Buffer.from(text) });
    expect((await runCommand(run, ['-'], input(dump))).out).toContain(
      '/srv/sites/app.conf:4:5  error  NGX001',
    );
    expect((await runCommand(run, ['-'], input(broken))).out).toContain('standard input:4:5  error  NGX001');
    expect(await runCommand(run, ['-'])).toEqual({
      code: 2,
      out: '',
      err: 'holdfast lint: standard input is empty: there is nothing to check.\n',
    });
    expect((await runCommand(run, ['-', '--fix'], input(broken))).code).toBe(2);
  });

  it('says which file is not in there', async () => {
    const text = dump.replace('# configuration file /srv/common/gzip:', '');
    expect(await lint(write('dump.txt', text))).toEqual({
      code: 2,
      out: '',
      err: 'holdfast lint: /srv/nginx.conf:4:3: the include failed: /srv/common/gzip is not in the output of nginx -T. (--skip-missing passes over it)\n',
    });
  });

  it('refuses to write to files that may be on another machine', async () => {
    const { code, err } = await lint('--fix', write('dump.txt', dump));
    expect({ code, err }).toEqual({
      code: 2,
      err: 'holdfast lint: --fix writes to files: name those of the proxy, where they are.\n',
    });
  });

  it('takes a file for what it is that only speaks of one in a comment', async () => {
    const { out } = await lint(write('nginx.conf', `${broken}# configuration file /srv/nginx.conf:\n`));
    expect(out).toContain('nginx.conf:4:5  error  NGX001');
  });
});

describe('holdfast lint', () => {
  it('answers 0 and says so when there is nothing to complain about', async () => {
    const answer = await lint(write('app.conf', clean), '--heartbeat', '25s');
    expect(answer).toEqual({ code: 0, out: 'Nothing to complain about.\n', err: '' });
  });

  it('answers 1 and says file, line, column, rule, reason and remedy', async () => {
    const path = write('app.conf', broken);
    const { code, out } = await lint(path);
    expect(code).toBe(1);
    expect(out).toContain(`${path}:4:5  error  NGX001`);
    expect(out).toContain('why: The backend sees a plain GET');
    expect(out).toContain('fix: proxy_set_header Upgrade $http_upgrade;');
    expect(out).toMatch(/3 errors, 1 warning, 2 notes\.\n$/);
    // Of two of one rule, only the second can be mended by itself.
    expect(out).toContain('listen has no so_keepalive.\n');
    expect(out).toContain('location /ws has no proxy_socket_keepalive. (--fix writes it)\n');
  });

  it('answers 0 when there are only notes', async () => {
    const path = write('app.conf', clean.replace('proxy_socket_keepalive on;', ''));
    const { code, out } = await lint(path, '--heartbeat', '25s');
    expect(code).toBe(0);
    expect(out).toContain('NGX020');
  });

  it('says when a file has no route to judge', async () => {
    const { code, out } = await lint(write('nginx.conf', 'events {}\nhttp { server { listen 80; } }\n'));
    expect(code).toBe(0);
    expect(out).toContain('no route that could carry a WebSocket');
  });

  it('writes JSON', async () => {
    const path = write('app.conf', broken);
    const report = JSON.parse((await lint(path, '--format', 'json')).out);
    expect(report.version).toBe(1);
    expect(report.files).toEqual([{ path, product: 'nginx', routes: 1 }]);
    expect(report.findings).toContainEqual(
      expect.objectContaining({ id: 'NGX001', severity: 'error', path, line: 4, column: 5, fixable: true }),
    );
  });

  it('writes what can be mended, keeps a link a link, and then finds only what it cannot mend', async () => {
    const target = write('sites-available/app.conf', broken);
    const link = join(folder, 'app.conf');
    symlinkSync(target, link);
    const { code, out } = await lint(link, '--fix', '--heartbeat', '25s');
    expect(readFileSync(target, 'utf8')).toContain('proxy_set_header Connection $connection_upgrade;');
    expect(readFileSync(link, 'utf8')).toBe(readFileSync(target, 'utf8'));
    expect(out).toContain('Mended 3.');
    expect(out).not.toContain('(--fix writes it)');
    expect(code, 'the Host header is the choice of the user').toBe(1);
    expect((await lint(link, '--fix', '--heartbeat', '25s')).out).toContain('Mended 0.');
  });

  it('checks several files at once, each by its own product', async () => {
    const proxy = write('haproxy.cfg', 'listen web\n  mode http\n  bind :80\n  server a 127.0.0.1:1\n');
    const report = JSON.parse((await lint(write('app.conf', broken), proxy, '--format', 'json')).out);
    expect(report.files.map((file: { product: string }) => file.product)).toEqual(['nginx', 'haproxy']);
  });

  it.each([
    ['haproxy', 'defaults\n  timeout client 30s\nlisten web\n  bind :80\n  server a 127.0.0.1:1\n'],
    ['haproxy', 'frontend web # the only one\r\n  bind :80\r\n'],
    ['apache', 'Timeout 300\nListen 80\n'],
    ['nginx', 'server {\n  listen 80;\n}\n'],
    ['caddy', ':80\nreverse_proxy localhost:1\n'],
    ['kubernetes', '{"apiVersion":"v1","kind":"Service"}'],
  ])('recognises %s by its text, whatever the file is called', async (product, text) => {
    const report = JSON.parse((await lint(write('edge.cfg', text), '--format', 'json')).out);
    expect(report.files).toEqual([expect.objectContaining({ product })]);
  });

  it('blames no location for what an include may hold that was passed over, and says so', async () => {
    const site =
      'server {\n  location / {\n    include /nowhere/proxy.conf;\n    proxy_pass http://a;\n  }\n}\n';
    const { code, out } = await lint(write('app.conf', site), '--skip-missing');
    expect({ code, out }).toEqual({
      code: 0,
      out: 'Not on this machine, so not looked at: /nowhere/proxy.conf.\n\nNothing to complain about.\n',
    });
  });

  it.each([
    ['a map', 'events {}\nhttp {\ninclude /nowhere/maps;\nserver {\nSITE\n}\n}\n'],
    ['the branches of a map', 'map $a $connection_upgrade {\ninclude /nowhere/map;\n}\nserver {\nSITE\n}\n'],
    [
      'what a server hands down',
      'server {\ninclude /nowhere/ws;\nlocation / {\nproxy_pass http://a;\n}\n}\n',
    ],
  ])('nor for %s that was passed over', async (_what, text) => {
    const site = clean.slice(clean.indexOf('listen'), clean.lastIndexOf('}'));
    const path = write('nginx.conf', text.replace('SITE', site));
    const { code, out } = await lint(path, '--skip-missing', '--heartbeat', '25s');
    expect(code, out).toBe(0);
  });

  it('takes no module and no Host for missing in Apache where an include was passed over', async () => {
    const site =
      '<VirtualHost *:80>\nInclude /nowhere/site\nProxyPass /ws http://a/ws upgrade=websocket\n</VirtualHost>\n';
    const path = write('httpd.conf', `LoadModule mpm_event_module x.so\n${site}`);
    const { code, out } = await lint(path, '--skip-missing');
    expect(code, out).toBe(0);
    expect(
      (await lint(write('httpd.conf', `LoadModule mpm_event_module x.so\n${site.replace(/Include.*/, '')}`)))
        .out,
    ).toContain('APA007');
  });

  it('takes nothing of the whole process for missing where an include was passed over', async () => {
    const route = '<VirtualHost *:80>\nProxyPass /ws http://a/ws upgrade=websocket\n</VirtualHost>\n';
    const apache = (include: string): string =>
      write('httpd.conf', `LoadModule mpm_event_module x.so\nInclude ${include}\n${route}`);
    const nginx = write('nginx.conf', `include /nowhere/workers.conf;\nevents {}\nhttp {\n${clean}\n}\n`);
    for (const path of [apache('/nowhere/mods'), apache('${CONF}/mods'), nginx]) {
      const { out } = await lint(path, '--skip-missing', '--connections', '10000');
      expect(out).not.toMatch(/APA005|APA007|NGX011|NGX013/);
    }
  });

  it('shows its arguments', async () => {
    const { code, out } = await lint('--help');
    expect(code).toBe(0);
    expect(out).toContain('--product-version');
  });
});

/** Root may read everything, and is somebody else for a moment. */
async function asNobody(action: () => Promise<void>): Promise<void> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.('nobody');
  try {
    await action();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

describe('bad input', () => {
  /** One sentence on one line, an exit code of 2, and nothing on standard output. */
  async function refused(sentence: RegExp, ...args: string[]): Promise<void> {
    const { code, out, err } = await lint(...args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(sentence);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  }

  it('a file that is not there', () =>
    refused(/nginx\.conf cannot be read: there is no such file\./, join(folder, 'nginx.conf')));

  it('a directory', () => refused(/is a directory; name the file to check\./, folder));

  it('an empty file', async () =>
    refused(/is empty: there is nothing to check\./, write('nginx.conf', '\n  \n')));

  it('a binary file', async () =>
    refused(/is a binary file/, write('nginx.conf', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1]))));

  it('text that is not UTF-8', async () =>
    refused(/is not UTF-8 text/, write('nginx.conf', Buffer.from([0xff, 0xfe, 0x41]))));

  it('a huge file', async () =>
    refused(/a configuration has at most/, write('nginx.conf', Buffer.alloc(5 * 1024 * 1024, 0x20))));

  it('text of no known product', async () => {
    const path = write('letter.txt', 'Dear reader,\nnothing here is a configuration.\n');
    await refused(/does not look like a configuration .* --as/, path);
    await refused(/letter\.txt:1:1: this directive is not ended with ";"/, path, '--as', 'nginx');
    await refused(/letter\.txt:1:1: "Dear" stands before the first section/, path, '--as', 'haproxy');
    await refused(
      /holds no site with a directive of Caddy/,
      write('l.txt', 'hello world\n'),
      '--as',
      'caddy',
    );
    await refused(/holds no settings of Envoy/, path, '--as', 'envoy');
    await refused(/holds no settings of Traefik/, path, '--as', 'traefik');
    await refused(/holds no object of Kubernetes/, path, '--as', 'kubernetes');
  });

  it('a configuration that breaks off', async () => {
    await refused(/:1:1: the block "server" is never closed/, write('a.conf', 'server {\n listen 80;\n'));
    await refused(
      /:1:1: <virtualhost> is never closed/,
      write('b.conf', '<VirtualHost *:80>\nServerName a\n'),
    );
    await refused(
      /:1:1: this block is never closed/,
      write('Caddyfile', 'example.com {\n reverse_proxy a\n'),
    );
    await refused(/:3:1: this is not YAML/, write('envoy.yaml', 'static_resources:\n  a: [1, 2\n'));
    await refused(/:2:1: this is not TOML/, write('traefik.toml', 'a = \n'));
  });

  it('a directive of nginx that swallows the next one', async () => {
    const sentence = /:2:3: this directive is not ended with ";"/;
    await refused(
      sentence,
      write('a.conf', 'server {\n  listen 80\n  location /ws { proxy_pass http://a; }\n}\n'),
    );
    await refused(
      sentence,
      write('b.conf', 'location / {\n  proxy_pass http://a\n  proxy_http_version 1.1;\n}\n'),
    );
  });

  it('a template, which is to be rendered first', async () => {
    await refused(
      /This looks like a template: render it/,
      write('a.conf', 'upstream {{ app }} { }\nserver { }\n'),
    );
  });

  it('an include that cannot be read, unless the user passes over it', async () => {
    const path = write('nginx.conf', 'events {}\nhttp {\n  include missing.conf;\n}\n');
    await refused(
      /nginx\.conf:3:3: the include failed: .*missing\.conf cannot be read: there is no such file\. \(--skip-missing/,
      path,
    );
    expect((await lint(path, '--skip-missing')).code).toBe(0);
  });

  it('a folder that this user may not read, or whose links lead in a circle', async () => {
    const path = write('httpd.conf', 'Include conf.d\n');
    write('conf.d/site/a.conf', 'ProxyPass /ws http://a/ws\n');
    expect((await lint(path)).out).toContain('APA001');
    symlinkSync(join(folder, 'conf.d'), join(folder, 'conf.d/site/again'));
    await refused(/httpd\.conf:1:1: folders stand too deep in each other/, path);
    rmSync(join(folder, 'conf.d/site/again'));
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'conf.d/site'), 0);
    await asNobody(() =>
      refused(/httpd\.conf:1:1: the include failed: .* may not be read by this user/, path),
    );
    chmodSync(join(folder, 'conf.d/site'), 0o755);
  });

  it('a folder behind a pattern that this user may not read', async () => {
    const path = write('nginx.conf', 'events {}\nhttp {\n  include sites/*.conf;\n}\n');
    write('sites/app.conf', broken);
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'sites'), 0);
    await asNobody(() => refused(/nginx\.conf:3:3: the include failed: .*sites cannot be read/, path));
    chmodSync(join(folder, 'sites'), 0o755);
  });

  it('an include that includes itself', async () => {
    await refused(/a\.conf:1:1: .* includes itself/, write('a.conf', 'include a.conf;\n'));
  });

  it('a file that this user may not read', async () => {
    const path = write('nginx.conf', broken);
    chmodSync(path, 0);
    await asNobody(() => refused(/may not be read by this user/, path));
  });

  it('YAML whose aliases unfold without end', async () => {
    const levels = Array.from(
      { length: 9 },
      (_, index) => `a${index + 1}: &a${index + 1} [${Array(10).fill(`*a${index}`).join(', ')}]`,
    );
    const bomb = `static_resources: {}\na0: &a0 [x, x, x, x]\n${levels.join('\n')}\n`;
    await refused(/unfolds to more than/, write('envoy.yaml', bomb));
  });

  it('YAML with an alias inside of what it stands for', async () =>
    refused(/2:6: \*a refers to itself\./, write('envoy.yaml', 'static_resources: &a\n  x: *a\n')));

  it('arguments that make no sense', async () => {
    const path = write('app.conf', clean);
    for (const args of [
      [],
      [path, '--heartbeat', 'soon'],
      [path, '--connections', '-1'],
      [path, '--as', 'iis'],
      [path, '--format', 'xml'],
      [path, '--path', 'ws'],
      [path, '--product-version', 'v2.8.4'],
      [path, '--frobnicate'],
    ]) {
      const { code, err } = await lint(...args);
      expect(code, args.join(' ')).toBe(2);
      expect(err).toMatch(/^holdfast lint: .+ \(holdfast lint --help shows the arguments\.\)\n$/);
    }
  });
});
