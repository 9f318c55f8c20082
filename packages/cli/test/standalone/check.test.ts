import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { run } from '../../src/standalone/command.ts';
import { runCommand, type Said } from '../run-command.ts';

function check(text: string): Promise<Said> {
  const cwd = mkdtempSync(join(tmpdir(), 'holdfast-serve-'));
  onTestFinished(() => rmSync(cwd, { recursive: true }));
  writeFileSync(join(cwd, 'holdfast.yaml'), text);
  return runCommand(run, ['holdfast.yaml', '--check'], { cwd });
}

describe('holdfast serve --check', () => {
  it('says so when the file is in order', async () => {
    const text = 'topics: { room.*: { presence: true } }\nlimits: { connectionsMax: 5 }\n';
    expect(await check(text)).toEqual({ code: 0, out: 'holdfast.yaml is in order.\n', err: '' });
  });

  it.each([
    [
      'topics:\n  room.*: { polcy: latest }',
      'holdfast.yaml:2:3: topics.room.*.polcy does not exist; there are: policy, retention, presence.',
    ],
    [
      'limits: { connectionMax: 5 }',
      'holdfast.yaml:1:9: limits.connectionMax does not exist; there are: messageBytesMax,',
    ],
    [
      'heartbeat: { intervalMs: 5 }',
      'holdfast.yaml:1:26: heartbeat.intervalMs is 5; it must be 1,000 at least.',
    ],
    ['origins: ["*"]', 'holdfast.yaml:1:10: origins holds "*", which is no origin;'],
    ['path: live', 'holdfast.yaml:1:7: path is "live"; it must begin with /.'],
    ['api: { port: 8081 }', 'holdfast.yaml:1:14: api.port wants api.key or api.keyFile, too.'],
    ['workers: 2', 'holdfast.yaml:1:10: workers is above 1, which wants a log that processes can share'],
    ['log: sqlite:data', 'holdfast.yaml:1:6: log must be memory, lmdb:FOLDER'],
    ['log: lmdb://', 'holdfast.yaml:1:6: log must be memory, lmdb:FOLDER'],
    [
      'hearbeat: { intervalMs: 5000 }',
      'holdfast.yaml:1:1: hearbeat is not a setting; did you mean heartbeat?',
    ],
    [
      'log: redis://',
      'holdfast.yaml:1:6: redisLog: an address is not of the form redis://user:password@host:port (rediss:// for TLS).',
    ],
    [
      'rights: { publish: [a] }\njwt: { issuer: https://id.example }',
      'holdfast.yaml:2:16: jwt.issuer checks nothing without a key;',
    ],
    [
      'jwt: { secret: thirty-two bytes are wanted here, algorithms: [none] }',
      'holdfast.yaml:1:62: jwt.algorithms holds "none", which is none for jwt.secret.',
    ],
    [
      'jwt: { jwksFile: /nowhere/keys.json }',
      'holdfast.yaml:1:18: jwt.jwksFile names a file that can’t be read (ENOENT).\n',
    ],
    ['webhooks: { events: localhost }', 'holdfast.yaml:1:21: webhooks.events'],
  ])('points at what a worker would fail on: %s', async (text, message) => {
    const { code, out, err } = await check(text);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain(`holdfast serve: ${message}`);
    expect(err.trimEnd().split('\n')).toHaveLength(1);
  });
});
