import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/doctor/command.ts';
import type { Io } from '../../src/io.ts';
import { runCommand, type Said } from '../run-command.ts';
import { localEcho, localRaw, type LocalServer } from './local-server.ts';

const doctor = (args: readonly string[], change: Partial<Io> = {}): Promise<Said> =>
  runCommand(run, args, change);

const SHORT = ['--quick', '--idle-max', '1s', '--timeout', '1s'];

describe('holdfast doctor, given what it cannot work with', () => {
  const cases: readonly [string, readonly string[], RegExp][] = [
    ['no address', [], /Give the address/],
    ['two addresses', ['ws://a/', 'ws://b/'], /one too many/],
    ['no address at all', ['hello'], /"hello" is not a WebSocket address/],
    ['an HTTP address', ['https://example.com/chat'], /HTTP address.*wss:\/\/example\.com\/chat/],
    ['another scheme', ['ftp://example.com/'], /must begin with ws:/],
    ['a password in the address', ['ws://me:secret@example.com/'], /--header/],
    ['an unknown option', ['ws://a/', '--fast'], /--fast/],
    ['both depths', ['ws://a/', '--quick', '--deep'], /exclude each other/],
    ['a time without a unit', ['ws://a/', '--idle-max', '12'], /a time such as 12s/],
    [
      'a time out of range',
      ['ws://a/', '--idle-max', '1ms'],
      /--idle-max must lie between 1000 and 14400000 ms/,
    ],
    ['a heartbeat that never comes', ['ws://a/', '--heartbeat', '0s'], /--heartbeat must lie between/],
    ['a port that there is not', ['--serve', '--port', '99999'], /--port is a whole number/],
    ['a number that is none', ['ws://a/', '--connections', 'many'], /whole number/],
    ['a header that is none', ['ws://a/', '--header', 'nonsense'], /"Name: value"/],
    ['a header that breaks the request', ['ws://a/', '--header', 'A: b\r\nC: d'], /not an HTTP header/],
    ['a product that nobody knows', ['ws://a/', '--via', 'abacus'], /does not know "abacus"/],
    ['--expect without --send', ['ws://a/', '--expect', 'x'], /needs --send/],
    [
      'certificates that are none',
      ['wss://a/', '--ca', fileURLToPath(import.meta.url)],
      /no certificate in PEM/,
    ],
    ['certificates that are not there', ['wss://a/', '--ca', '/nowhere.pem'], /could not be read/],
  ];
  it.each(cases)('%s: one sentence, exit code 2', async (_name, args, sentence) => {
    const { code, out, err } = await doctor(args);
    expect(code).toBe(2);
    expect(out).toBe('');
    expect(err).toMatch(sentence);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });

  it('shows its help', async () => {
    const { code, out } = await doctor(['--help']);
    expect(code).toBe(0);
    expect(out).toContain('Usage: holdfast doctor');
  });
});

describe('holdfast doctor, given an address that cannot be tested', () => {
  const servers: LocalServer[] = [];
  afterAll(() => Promise.all(servers.map((server) => server.stop())));
  const raw = async (...serve: Parameters<typeof localRaw>) => {
    const server = await localRaw(...serve);
    servers.push(server);
    return server.url;
  };

  it('garbage: a plain sentence and exit code 2', async () => {
    const url = await raw((socket) => socket.write('220 mail.example.com ESMTP\r\n'));
    const { code, out } = await doctor([url, ...SHORT]);
    expect(code).toBe(2);
    expect(out).toContain('What answers does not speak HTTP.');
  });

  it('bytes without end: exit code 2, and no hang', async () => {
    const url = await raw((socket) => {
      const more = () => {
        while (!socket.destroyed && socket.write('HTTP/1.1 200 OK\r\nX: '.padEnd(1_000, 'x')));
      };
      socket.on('drain', more);
      more();
    });
    const { code, out } = await doctor([url, ...SHORT]);
    expect(code).toBe(2);
    expect(out).toContain('never ends its answer');
  });

  it('a query, which may hold a credential: no report shows it', async () => {
    const url = await raw((socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n'));
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-'));
    const [html, junit] = [join(folder, 'report.html'), join(folder, 'report.xml')];
    const asked = `${url}?token=hunter2`;
    const text = await doctor([asked, ...SHORT, '--html', html, '--junit', junit]);
    const json = await doctor([asked, ...SHORT, '--json']);
    const shown = [text.out, text.err, json.out, readFileSync(html, 'utf8'), readFileSync(junit, 'utf8')];
    rmSync(folder, { recursive: true });
    expect(json.out).toContain(`"url": "${url}?…"`);
    expect(shown.join('')).not.toContain('hunter2');
  });

  it('nor what an answer makes of it: a redirect, an error page, a cookie', async () => {
    const head = 'Set-Cookie: sid=c00kie; Path=/\r\nContent-Length: 200\r\n';
    for (const answer of [
      `HTTP/1.1 301 Moved\r\nLocation: https://login.example/ws?token=hunter2&a=b\r\n${head}\r\n`,
      `HTTP/1.1 404 Not Found\r\n${head}\r\nCannot GET /?token=hunter2&a=b, nor /?token=hunter2&amp;a=b`,
    ]) {
      const url = await raw((socket) => socket.end(answer));
      const { out, err } = await doctor([`${url}?token=hunter2&a=b`, ...SHORT, '--json']);
      expect(out).toContain('sid=…');
      expect(out + err).not.toMatch(/hunter2|c00kie/);
    }
  });

  it('nor does an error', async () => {
    const asked = [['https://a/?token=hunter2'], ['ws://a/', '--header', 'Authorization Bearer hunter2']];
    for (const args of asked) expect((await doctor(args)).err).not.toContain('hunter2');
  });

  it('a name that does not resolve', async () => {
    const { code, out } = await doctor(['wss://nowhere.invalid/', ...SHORT]);
    expect(code).toBe(2);
    expect(out).toContain('The name does not resolve.');
  });

  it('a port on which nothing listens', async () => {
    const server = await localRaw(() => {});
    await server.stop();
    const { code, out } = await doctor([server.url, ...SHORT]);
    expect(code).toBe(2);
    expect(out).toContain('Nothing listens at this address.');
  });

  it('a run that the user stops', async () => {
    const url = await raw(() => {});
    const stop = new AbortController();
    const running = doctor([url, '--timeout', '30s'], { signal: stop.signal });
    stop.abort();
    expect(await running).toMatchObject({ code: 2, err: 'holdfast doctor: stopped.\n' });
  });
});

describe('holdfast doctor, given a server', () => {
  let server: LocalServer;
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-doctor-'));
  beforeAll(async () => {
    server = await localEcho();
  });
  afterAll(async () => {
    await server.stop();
    rmSync(folder, { recursive: true });
  });

  it('says beforehand what it will do, and writes a page and test cases', { timeout: 30_000 }, async () => {
    const html = join(folder, 'report.html');
    const junit = join(folder, 'report.xml');
    const { code, out } = await doctor([
      server.url,
      ...SHORT,
      '--send',
      '<hello>',
      '--html',
      html,
      '--junit',
      junit,
    ]);
    expect(code).toBe(0);
    expect(out.indexOf('at most')).toBeLessThan(out.indexOf('Name resolution'));
    expect(out).toContain('verdict     stable');
    expect(readFileSync(html, 'utf8')).toContain('<code>stable</code>');
    const xml = readFileSync(junit, 'utf8');
    expect(xml).toContain('failures="0"');
    expect(xml).toContain('name="verdict"');
  });

  it('says when a report cannot be written', { timeout: 30_000 }, async () => {
    const { code, err } = await doctor([server.url, ...SHORT, '--html', join(folder, 'no', 'report.html')]);
    expect(code).toBe(2);
    expect(err).toMatch(/could not be written/);
  });
});
