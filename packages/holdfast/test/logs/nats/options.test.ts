import { describe, expect, it } from 'vitest';
import { natsLog } from '../../../src/server/logs/nats/nats.ts';
import { resolveNatsOptions } from '../../../src/server/logs/nats/options.ts';

describe('options of natsLog', () => {
  it('an address alone is enough', () => {
    expect(resolveNatsOptions('nats://example.org')).toMatchObject({
      addresses: ['example.org:4222'],
      tls: undefined,
      prefix: 'holdfast',
      deployment: 'default',
      replicas: undefined,
      storage: 'file',
      bytesMax: -1,
      deadlineMs: 30_000,
    });
  });

  it('takes users, tokens and several addresses out of the URL, options before', () => {
    expect(resolveNatsOptions('nats://me:a%40b@one:1,nats://two:2')).toMatchObject({
      addresses: ['one:1', 'two:2'],
      username: 'me',
      password: 'a@b',
      token: undefined,
    });
    expect(resolveNatsOptions('nats://secret@one')).toMatchObject({ username: undefined, token: 'secret' });
    expect(resolveNatsOptions({ url: 'tls://me:old@one', password: 'new' })).toMatchObject({
      username: 'me',
      password: 'new',
      tls: {},
    });
  });

  it.each([
    ['nats://me:hunter2@', 'an address is not of the form'],
    ['redis://me:hunter2@host', 'an address is not of the form'],
    ['nats://me:hunter2%@host', 'not percent-encoded'],
    [{ url: [] }, '"url" must be'],
    [{ url: ['nats://a', 'tls://b'] }, 'the same scheme'],
    [{ url: 'nats://a', prefix: 'a..b' }, '"prefix" must be'],
    [{ url: 'nats://a', prefix: 'a.*' }, '"prefix" must be'],
    [{ url: 'nats://a', deployment: '' }, '"deployment" must be'],
    [{ url: 'nats://a', replicas: 6 }, '"replicas" is 6; it must be a whole number from 1 to 5'],
    [{ url: 'nats://a', storage: 'disk' }, '"storage" must be'],
    [{ url: 'nats://a', bytesMax: 0.5 }, '"bytesMax" is 0.5'],
    [{ url: 'nats://a', deadlineMs: Infinity }, '"deadlineMs" is Infinity'],
    [{ url: 'nats://a', retention: {} }, '"retention" is not an option; there are: url,'],
    [{ url: 'nats://a', password: 4711 }, '"password" is of type number; it must be a text'],
    [undefined, 'needs an address'],
  ])('refuses %j with what was expected, and without its secrets', (given, text) => {
    let message = '';
    try {
      natsLog(given as string);
    } catch (error) {
      expect(error).toMatchObject({ code: 'invalid-option' });
      message = (error as Error).message;
    }
    expect(message).toContain(text);
    expect(message).not.toMatch(/hunter2|4711/);
  });
});
