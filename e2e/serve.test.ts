import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { becomes, expectEachOnce, Ledger, openClient, patient } from './support/ledger.ts';

// `holdfast serve` as its users start it: a file, processes, and HTTP from a backend.

const root = fileURLToPath(new URL('..', import.meta.url));
const API_KEY = 'the key of the backend';
const SECRET = 'a secret of thirty-two bytes or more';

class Serve {
  said = '';
  readonly process: ChildProcess;
  readonly exited: Promise<number | null>;

  constructor(args: readonly string[]) {
    const program = ['--import', 'tsx', '--conditions=source', 'packages/cli/src/main.ts', 'serve', ...args];
    this.process = spawn(process.execPath, program, { cwd: root });
    for (const stream of [this.process.stdout, this.process.stderr])
      stream!.on('data', (chunk: Buffer) => (this.said += chunk.toString()));
    this.exited = new Promise((resolve) => void this.process.once('exit', (code) => resolve(code)));
    onTestFinished(async () => {
      this.process.kill('SIGTERM');
      await this.exited;
    });
  }

  /** Its ports, once it says them. */
  async ports(): Promise<{ url: string; api: string }> {
    await vi.waitFor(() => expect(this.said).toMatch(/listens on port \d+/), patient);
    const [, port, api] = /listens on port (\d+)(?:, its API on (\d+))?/.exec(this.said)!;
    return { url: `ws://127.0.0.1:${port}/`, api: `http://127.0.0.1:${api}` };
  }

  /** Processes take their time to start, and come one after the other. */
  async says(text: RegExp): Promise<void> {
    await vi.waitFor(() => expect(this.said).toMatch(text), { timeout: 90_000, interval: 50 });
  }
}

function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-e2e-serve-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function fileOf(folder: string, configuration: unknown): string {
  const file = join(folder, 'holdfast.yaml');
  writeFileSync(file, JSON.stringify(configuration));
  return file;
}

async function ask(
  api: string,
  path: string,
  body?: unknown,
  key = API_KEY,
): Promise<{ status: number; body: any }> {
  const response = await fetch(`${api}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${key}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

function tokenOf(id: string, rights: unknown): Promise<string> {
  return new SignJWT({ holdfast: rights })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(id)
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(SECRET));
}

/** Calls the API without end, on connections that it keeps. */
class Backend {
  private isEnding = false;
  private readonly statuses = new Set<number>();
  private readonly calling: Promise<unknown>;

  constructor(api: string) {
    this.calling = Promise.all([this.call(api), this.call(api)]);
  }

  private async call(api: string): Promise<void> {
    while (!this.isEnding)
      this.statuses.add((await ask(api, '/publish', { topic: 'calls', data: 1 })).status);
  }

  /** The statuses of all answers; rejects when there was none. */
  async end(): Promise<Set<number>> {
    this.isEnding = true;
    await this.calling;
    return this.statuses;
  }
}

describe('holdfast serve', () => {
  it('serves clients by the rights in their tokens, and a backend by HTTP', async () => {
    const folder = freshFolder();
    const file = fileOf(folder, {
      port: 0,
      jwt: { secret: SECRET },
      api: { port: 0, key: API_KEY },
      topics: { 'room.*': { presence: true }, 'room*': { presence: true } },
    });
    const serve = new Serve([file]);
    const { url, api } = await serve.ports();
    const token = await tokenOf('ann', { subscribe: ['room*'], publish: ['room1'] });
    const { client } = openClient(url, { token });
    const ledger = new Ledger(client, 'room1', 'start');
    await ledger.ready;
    await client.publish('room1', { publisher: 'ann', n: 1 });
    await expect(client.publish('room2', 1)).rejects.toMatchObject({ code: 'not-authorized' });

    const message = { topic: 'room1', data: { publisher: 'backend', n: 1 }, key: 'order-1' };
    const { body: position } = await ask(api, '/publish', message);
    expect((await ask(api, '/publish', message)).body).toEqual(position);
    const many = await ask(api, '/publish-many', {
      messages: [
        { topic: 'room1', data: { publisher: 'backend', n: 2 } },
        { topic: '$inbox:x', data: 1 },
      ],
    });
    expect(many.body.results).toEqual([
      { epoch: position.epoch, offset: position.offset + 1 },
      { code: expect.any(String), text: expect.any(String) },
    ]);
    await ledger.reaches(many.body.results[0]);
    expectEachOnce(ledger.messages, { ann: 1, backend: 2 });

    const history = await ask(api, `/history?topic=room1&limit=2`);
    expect(history.body.messages.map(({ data }: { data: { n: number } }) => data.n)).toEqual([1, 2]);
    const presence = await ask(api, '/presence?topic=room1');
    expect(presence.body).toMatchObject({ count: 1 });
    expect((await ask(api, '/stats')).body).toHaveProperty('nodes');
    expect((await (await fetch(`${api}/openapi.json`)).json()).openapi).toBe('3.1.0');

    expect(await ask(api, '/stats', undefined, 'wrong')).toMatchObject({ status: 401 });
    for (const path of ['/nowhere', '//']) expect(await ask(api, path)).toMatchObject({ status: 404 });
    expect(await ask(api, '/history?topic=room1&epoch=1')).toMatchObject({ status: 400 });
    expect(await ask(api, '/publish', { topic: 'room1' })).toMatchObject({
      status: 400,
      body: { text: 'the body lacks "data".' },
    });
    const session = presence.body.present[0].session;
    expect((await ask(api, '/disconnect', { session, text: 'Enough.' })).body).toEqual({ done: true });
    await becomes(client, 'failed');
    expect(client.status.cause).toMatchObject({ code: 'ended-by-server', text: 'Enough.' });
    serve.process.kill('SIGTERM');
    expect(await serve.exited).toBe(0);
    expect(serve.said).not.toContain(SECRET);
  });

  it('replaces a worker that was killed, and all on SIGHUP: nothing lost, nothing twice', async () => {
    const folder = freshFolder();
    const configuration = {
      port: 0,
      workers: 2,
      log: `lmdb:${join(folder, 'data')}`,
      rights: { subscribe: ['*'], publish: ['*'] },
      api: { port: 0, key: API_KEY },
    };
    const file = fileOf(folder, configuration);
    const serve = new Serve([file, '--drain-deadline-ms', '5000']);
    const { url, api } = await serve.ports();
    const ledger = new Ledger(openClient(url).client, 'news', 'start');
    await ledger.ready;
    const { client } = openClient(url);
    let n = 0;
    const publishes: ReturnType<typeof client.publish>[] = [];
    const timer = setInterval(() => publishes.push(client.publish('news', { publisher: 'me', n: ++n })), 20);
    onTestFinished(() => clearInterval(timer));
    await vi.waitFor(() => expect(n).toBeGreaterThan(20), patient);
    const { pid } = serve.process;
    const workers = (): string[] =>
      readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    process.kill(Number(workers()[0]), 'SIGKILL');
    await serve.says(/A worker ended \(SIGKILL\); another takes its place/);
    await vi.waitFor(() => expect(workers()).toHaveLength(2), patient);
    const backend = new Backend(api);
    for (const count of [3, 2]) {
      // The second comes while the first is being carried out.
      writeFileSync(file, JSON.stringify({ ...configuration, workers: count }));
      serve.process.kill('SIGHUP');
      if (count === 3) await vi.waitFor(() => expect(workers()).toHaveLength(3), patient);
    }
    await serve.says(/All workers have the new configuration/);
    expect(workers()).toHaveLength(2);
    expect(await backend.end(), 'no call failed').toEqual(new Set([200]));
    writeFileSync(file, JSON.stringify({ ...configuration, wrokers: 1 }));
    serve.process.kill('SIGHUP');
    await serve.says(/not used: .*wrokers is not a setting; did you mean workers\?/);
    // Whoever takes the place of a worker goes by what is in use, not by what the file says.
    const listened = (): number => serve.said.split('room for').length;
    const before = listened();
    process.kill(Number(workers()[0]), 'SIGKILL');
    await vi.waitFor(() => expect(listened()).toBeGreaterThan(before), patient);
    // A terminal tells the workers, too.
    for (const worker of workers()) process.kill(Number(worker), 'SIGHUP');
    await vi.waitFor(() => expect(n).toBeGreaterThan(100), patient);
    clearInterval(timer);
    const positions = await Promise.all(publishes);
    await ledger.reaches(positions.at(-1)!);
    expectEachOnce(ledger.messages, { me: n });
    expect(ledger.gaps).toEqual([]);
    expect(serve.said).not.toContain('ended (SIGHUP)');
    serve.process.kill('SIGTERM');
    expect(await serve.exited, 'it ends, and leaves no worker behind').toBe(0);
  }, 180_000);

  it('takes keys that rotate, asks its backend what claims do not say, and tells it who comes and goes', async () => {
    const folder = freshFolder();
    const told: { body: any; signature: string }[] = [];
    let failures = 1;
    const backend = createServer(async (request, response) => {
      const body = await textOf(request);
      const signature = String(request.headers['holdfast-signature']);
      const isEvent = request.url === '/events';
      if (isEvent && failures-- > 0) return void response.writeHead(500).end();
      if (isEvent) told.push({ body: JSON.parse(body), signature: checked(signature, body) });
      else response.write(JSON.stringify({ allowed: JSON.parse(body).name === 'asked' }));
      response.end();
    });
    await new Promise<void>((resolve) => void backend.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void backend.close());
    const { port } = backend.address() as { port: number };
    const [first, second] = [await generateKeyPair('ES256'), await generateKeyPair('ES256')];
    const jwksFile = join(folder, 'keys.json');
    const writeKeys = async (key: CryptoKey, kid: string): Promise<void> =>
      writeFileSync(jwksFile, JSON.stringify({ keys: [{ ...(await exportJWK(key)), kid, alg: 'ES256' }] }));
    await writeKeys(first.publicKey, 'first');
    const file = fileOf(folder, {
      port: 0,
      jwt: { jwksFile },
      webhooks: {
        authorize: `http://127.0.0.1:${port}/authorize`,
        events: `http://127.0.0.1:${port}/events`,
        secret: SECRET,
      },
    });
    const { url } = await new Serve([file]).ports();
    const sign = (key: CryptoKey, kid: string): Promise<string> =>
      new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid }).setSubject('bob').sign(key);
    const { client } = openClient(url, { token: await sign(first.privateKey, 'first') });
    await becomes(client, 'live');
    await client.publish('asked', 1);
    await expect(client.publish('other', 1)).rejects.toMatchObject({ code: 'not-authorized' });
    await writeKeys(second.publicKey, 'second');
    const later = openClient(url, { token: await sign(second.privateKey, 'second') });
    await becomes(later.client, 'live');
    await client.close();
    await vi.waitFor(
      () => expect(told.map(({ body }) => body.type)).toEqual(['connect', 'connect', 'disconnect']),
      patient,
    );
    expect(told[0]!.body).toMatchObject({ identity: 'bob', resumed: false });
    expect(told.every(({ signature }) => signature === 'right')).toBe(true);
  });

  it.each([
    [
      { port: 0, workers: 2 },
      /holdfast\.yaml:1:21: workers is above 1, which wants a log that processes can share/,
    ],
    [{ port: 0, log: 'rdeis://x' }, /log must be memory, lmdb:FOLDER/],
    [{ port: 0, log: 'redis://127.0.0.1:1' }, /127\.0\.0\.1:1/],
    [{ port: 0, jwt: { secret: 'short' } }, /jwt\.secret must have 32 bytes/],
    [{ port: 0, api: { port: 0 } }, /api\.port wants api\.key/],
    [{ port: 0, topics: { a: { policy: 'latst' } } }, /topics\.a\.policy/],
    [{ port: 0, limits: { windowMx: 1 } }, /windowMx/],
  ])('does not start with what can’t work: %j', async (configuration, text) => {
    const serve = new Serve([fileOf(freshFolder(), configuration)]);
    expect(await serve.exited).toBe(2);
    expect(serve.said).toMatch(text);
    expect(serve.said).not.toMatch(/\n\s+at /);
  });
});

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function checked(signature: string, body: string): 'right' | 'wrong' {
  const [, seconds, given] = /^t=(\d+),v1=([0-9a-f]+)$/.exec(signature) ?? [];
  const wanted = createHmac('sha256', SECRET).update(`${seconds}.${body}`).digest('hex');
  return given === wanted ? 'right' : 'wrong';
}
