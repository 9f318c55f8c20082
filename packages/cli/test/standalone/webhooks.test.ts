import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Configuration } from '../../src/standalone/configuration.ts';
import { Webhooks } from '../../src/standalone/webhooks.ts';

interface Question {
  readonly identity: string;
  readonly claims: { readonly role: string };
}

/** A backend, the webhooks that lead to it, and what they warned of. */
async function backendOf(answer: (question: Question, response: ServerResponse) => void): Promise<{
  webhooks: Webhooks;
  asked: Question[];
  warnings: string[];
  /** How many are open. */
  connections: () => Promise<number>;
}> {
  const asked: Question[] = [];
  const backend = createServer(async (request: IncomingMessage, response) => {
    const question = JSON.parse((await request.toArray()).join('')) as Question;
    asked.push(question);
    answer(question, response);
  });
  await once(backend.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    backend.closeAllConnections();
    backend.close();
  });
  const url = `http://127.0.0.1:${(backend.address() as AddressInfo).port}/`;
  const configuration = new Configuration();
  for (const path of ['webhooks.authorize', 'webhooks.events']) configuration.set(path, url, 'here');
  const warnings: string[] = [];
  const connections = (): Promise<number> =>
    new Promise((resolve, reject) =>
      backend.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    );
  const webhooks = new Webhooks(configuration, (text) => warnings.push(text));
  return { webhooks, asked, warnings, connections };
}

const ann = (role: string) => ({ id: 'ann', claims: { role } });

describe('webhooks.authorize', () => {
  it('keeps an answer for whoever has the same claims, and for nobody else', async () => {
    const { webhooks, asked } = await backendOf(({ claims }, response) =>
      response.end(JSON.stringify({ allowed: claims.role === 'admin' })),
    );
    for (let i = 0; i < 2; i++) expect(await webhooks.allows(ann('admin'), 'publish', 'room')).toBe(true);
    expect(asked).toHaveLength(1);
    expect(await webhooks.allows(ann('guest'), 'publish', 'room')).toBe(false);
    expect(asked).toHaveLength(2);
  });

  it('asks once for all who want to know the same meanwhile', async () => {
    const { webhooks, asked } = await backendOf((_, response) => response.end('{"allowed":true}'));
    const visitors = Array.from({ length: 200 }, () => webhooks.allows(ann('guest'), 'subscribe', 'news'));
    expect(new Set(await Promise.all(visitors))).toEqual(new Set([true]));
    expect(asked).toHaveLength(1);
  });

  it('keeps only so many questions while the backend does not answer', async () => {
    const { webhooks, asked } = await backendOf(() => {});
    const waiting = Array.from({ length: 10_000 }, (_, n) =>
      webhooks.allows(ann('guest'), 'publish', `room${n}`).catch(() => {}),
    );
    await expect(webhooks.allows(ann('guest'), 'publish', 'one more')).rejects.toThrow('too slow');
    await expect.poll(() => asked.length).toBe(64);
    // The end gives up what waits, as long as there is an event to wait for.
    webhooks.tell({ type: 'disconnect', session: 'a', identity: 'ann' });
    await webhooks.settled(0);
    await Promise.all(waiting);
  });

  it('says whose answer it could not read', async () => {
    const { webhooks } = await backendOf((_, response) => response.end('<html>'));
    await expect(webhooks.allows(ann('guest'), 'publish', 'room')).rejects.toThrow(
      /^webhooks\.authorize: .*JSON/,
    );
  });

  it('throws, and keeps nothing, when nobody answers the question', async () => {
    let status = 503;
    const { webhooks } = await backendOf((_, response) =>
      response.writeHead(status).end(status === 200 ? '{"allowed":true}' : ''),
    );
    await expect(webhooks.allows(ann('guest'), 'publish', 'room')).rejects.toThrow('answered with 503');
    status = 200;
    expect(await webhooks.allows(ann('guest'), 'publish', 'room')).toBe(true);
  });
});

describe('webhooks.events', () => {
  it('hold no connection for what a backend answers', async () => {
    const page = 'x'.repeat(200_000);
    const { webhooks, asked, connections } = await backendOf((_, response) => response.end(page));
    for (let n = 0; n < 20; n++) webhooks.tell({ type: 'connect', session: String(n), identity: 'ann' });
    await webhooks.settled(30_000);
    expect(asked).toHaveLength(20);
    await expect.poll(connections).toBeLessThan(3);
  });

  it('are not delivered where a redirect leads: it would take their body', async () => {
    let isMoved = true;
    const { webhooks, asked, warnings } = await backendOf((_, response) => {
      if (isMoved) response.writeHead(302, { location: '/page' });
      isMoved = false;
      response.end();
    });
    webhooks.tell({ type: 'connect', session: 'a', identity: 'ann' });
    await webhooks.settled(30_000);
    expect(warnings).toEqual(['webhooks.events was answered with 302.']);
    expect(asked).toHaveLength(2);
  });

  it('are given up when the time at the end is up, and how many is said', async () => {
    const { webhooks, asked, warnings } = await backendOf(() => {});
    for (const session of ['a', 'b', 'c']) webhooks.tell({ type: 'connect', session, identity: 'ann' });
    await expect.poll(() => asked).toHaveLength(1);
    await webhooks.settled(10);
    expect(warnings.at(-1)).toBe('webhooks.events: the last 3 were not delivered before the end.');
    expect(asked).toHaveLength(1);
  });
});
