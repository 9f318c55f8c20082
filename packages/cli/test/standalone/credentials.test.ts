import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuthenticateRequest } from 'holdfast/server';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { expect, it, onTestFinished } from 'vitest';
import { Configuration } from '../../src/standalone/configuration.ts';
import { credentials } from '../../src/standalone/credentials.ts';

async function keyNamed(kid: string): Promise<{ set: string; token: string }> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const set = JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid, alg: 'ES256' }] });
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid })
    .setSubject('ann')
    .sign(privateKey);
  return { set, token };
}

it('a key set that is read while it is written is read again, and the one from before goes on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-serve-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'keys.json');
  const write = (text: string, atSeconds: number): void => {
    writeFileSync(file, text);
    utimesSync(file, atSeconds, atSeconds);
  };
  const [first, second] = [await keyNamed('first'), await keyNamed('second')];
  write(first.set, 1);
  const configuration = new Configuration();
  configuration.set('jwt.jwksFile', file, 'here');
  const warned: string[] = [];
  const authenticate = await credentials(configuration, (text) => warned.push(text));
  const idOf = async (token: string): Promise<string | undefined> =>
    (await authenticate!({ token } as AuthenticateRequest))?.id;
  expect(await idOf(first.token)).toBe('ann');

  write(second.set.slice(0, 50), 2);
  for (let n = 0; n < 2; n++) expect(await idOf(first.token)).toBe('ann');
  expect(warned).toEqual([
    expect.stringMatching(/^here: jwt\.jwksFile holds no key set .* from before go on\.$/),
  ]);

  // File systems tell times in steps of milliseconds: the whole file may have the time of its first half.
  write(second.set, 2);
  expect(await idOf(second.token)).toBe('ann');
  await expect(idOf(first.token)).rejects.toMatchObject({ code: 'unauthorized' });
});
