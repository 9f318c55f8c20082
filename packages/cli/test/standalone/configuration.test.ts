import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseServeArguments } from '../../src/standalone/arguments.ts';
import { readConfiguration, type Configuration } from '../../src/standalone/configuration.ts';
import { flagOf, settings, variableOf } from '../../src/standalone/settings.ts';

function read(text: string, args: readonly string[] = [], env: Record<string, string> = {}): Configuration {
  const cwd = mkdtempSync(join(tmpdir(), 'holdfast-serve-'));
  onTestFinished(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, 'holdfast.yaml'), text);
  return readConfiguration({ ...parseServeArguments(['holdfast.yaml', ...args])!, env, cwd });
}

describe('the configuration', () => {
  it('comes from the file, then the environment, then the flags', () => {
    const text = 'port: 1000\nheartbeat: { intervalMs: 1000, graceMs: 2000 }\norigins: [https://a.example]\n';
    const env = {
      HOLDFAST_HEARTBEAT_INTERVAL_MS: '3000',
      HOLDFAST_ORIGINS: 'https://b.example, https://c.example',
    };
    const configuration = read(text, ['--port=4000'], env);
    expect(configuration.count('port')).toBe(4_000);
    expect(configuration.count('heartbeat.intervalMs')).toBe(3_000);
    expect(configuration.count('heartbeat.graceMs')).toBe(2_000);
    expect(configuration.texts('origins')).toEqual(['https://b.example', 'https://c.example']);
  });

  it('may be JSON', () => {
    const configuration = read('{ "port": 8081, "topics": { "chat.*": { "presence": true } } }');
    expect(configuration.count('port')).toBe(8_081);
    expect(configuration.table('topics')).toEqual({ 'chat.*': { presence: true } });
  });

  it('may say once what is meant in several places', () => {
    const configuration = read(
      'port: &port 8081\napi: { port: *port }\ntopics:\n  chat: &p { presence: true }\n  room: *p\n',
    );
    expect(configuration.count('api.port')).toBe(8_081);
    expect(configuration.table('topics')).toEqual({ chat: { presence: true }, room: { presence: true } });
  });

  it('may be empty', () => expect(read('').count('port', 8_080)).toBe(8_080));

  it('knows what Kubernetes makes of a service that is named holdfast', () => {
    const env = { HOLDFAST_PORT: 'tcp://10.96.0.7:8080' };
    expect(() => read('', [], env)).toThrow(/^HOLDFAST_PORT must be a port .* enableServiceLinks: false/);
  });

  it.each([
    ['prot: 1', 'holdfast.yaml:1:1: prot is not a setting; did you mean port?'],
    [
      'heartbeat:\n  intervallMs: 5',
      'holdfast.yaml:2:3: heartbeat.intervallMs is not a setting; did you mean heartbeat.intervalMs?',
    ],
    ['port: http', 'holdfast.yaml:1:7: port must be a port from 0 to 65535, not "http".'],
    ['port: 70000', 'holdfast.yaml:1:7: port must be a port from 0 to 65535, not 70000.'],
    ['workers: 0', 'holdfast.yaml:1:10: workers must be a whole number from 1 to 2147483647, not 0.'],
    [
      'webhooks: { timeoutMs: 99999999999 }',
      'holdfast.yaml:1:24: webhooks.timeoutMs must be a whole number from 1 to 2147483647, not 99999999999.',
    ],
    ['workers: 1.5', 'holdfast.yaml:1:10: workers must be a whole number from 1 to 2147483647, not 1.5.'],
    [
      'origins: https://a.example',
      'holdfast.yaml:1:10: origins must be a list of texts, not "https://a.example".',
    ],
    ['heartbeat: 5', 'holdfast.yaml:1:12: heartbeat must be a table of settings.'],
    ['log:', 'holdfast.yaml:1:1: log has no value; give one, or leave the line out.'],
    ['- a', 'holdfast.yaml:1:1: the file must be a table of settings.'],
    ['port: 1\nport: 2', /^holdfast\.yaml:2:1: .*unique/],
    ['port: *p', 'holdfast.yaml:1:7: port names an anchor that is not there before it.'],
    ['topics: { a: *p }', /^holdfast\.yaml:1:9: topics: Unresolved alias/],
    ['a: [', /^holdfast\.yaml:1:\d+: /],
  ])('points at what is wrong: %s', (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  it.each([
    [['--port', 'x'], {}, '--port must be a port from 0 to 65535, not "x".'],
    [
      [],
      { HOLDFAST_WORKERS: 'two' },
      'HOLDFAST_WORKERS must be a whole number from 1 to 2147483647, not "two".',
    ],
    [['--prot', '1'], {}, 'prot is not a setting; did you mean port?'],
    [['--port'], {}, '--port wants a value.'],
    [['other.yaml'], {}, 'there is one configuration file, not two: holdfast.yaml and other.yaml.'],
  ])('points at the flag or the variable: %j %j', (args, env, message) => {
    expect(() => read('', args, env as Record<string, string>)).toThrow(message);
  });

  it('says which file can’t be read, and shows no secret', () => {
    expect(() => read('jwt: { secretFile: /nowhere/secret }').secret('jwt.secret')).toThrow(
      /jwt\.secretFile names a file that can’t be read \(ENOENT\)/,
    );
    expect(() => read('jwt: { secret: 12345678 }')).toThrow(
      /^holdfast\.yaml:1:16: jwt\.secret must be a text\.$/,
    );
    const both = read('api: { key: hush, keyFile: /nowhere }');
    expect(() => both.secret('api.key')).toThrow(/give one of them/);
    expect(() => both.secret('api.key')).not.toThrow(/hush/);
  });

  it('of the example is in order', () => {
    const cwd = join(import.meta.dirname, '../../../../examples/standalone');
    const configuration = readConfiguration({ file: 'holdfast.yaml', flags: new Map(), env: {}, cwd });
    expect(configuration.count('workers')).toBe(2);
    expect(configuration.table('topics')).toHaveProperty(['room.*', 'presence'], true);
  });

  it('has a flag and a variable of its own for each setting', () => {
    const names = settings.map(({ path }) => path);
    expect(new Set(names.map(flagOf)).size).toBe(names.length);
    expect(new Set(names.map(variableOf)).size).toBe(names.length);
    expect(flagOf('jwt.jwksUrl')).toBe('--jwt-jwks-url');
  });
});
