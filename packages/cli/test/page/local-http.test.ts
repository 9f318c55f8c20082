import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { html, isLocalHost, serveLocally } from '../../src/page/local-http.ts';

describe('a page for this machine only', () => {
  it.each(['127.0.0.1', '127.0.0.1:80', 'localhost:1', '[::1]:9'])('answers to %s', (host) =>
    expect(isLocalHost(host)).toBe(true),
  );
  it.each([undefined, '', 'evil.example', '127.0.0.1.evil.example', 'localhost.evil.example:80', '10.0.0.1'])(
    'not to %s',
    (host) => expect(isLocalHost(host)).toBe(false),
  );

  const ask = (
    url: string,
    method: string,
    headers: Readonly<Record<string, string>>,
    body = '',
  ): Promise<number> =>
    new Promise((resolve, reject) => {
      const asked = request(url, { method, headers }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      asked.on('error', reject);
      asked.end(body);
    });

  it('refuses a foreign Host, a body that is not JSON, and one without end', async () => {
    const local = await serveLocally(0, () => html('hello'));
    try {
      expect(await ask(local.url, 'GET', {})).toBe(200);
      expect(await ask(local.url, 'GET', { Host: 'evil.example' })).toBe(403);
      expect(await ask(local.url, 'POST', { 'Content-Type': 'text/plain' }, '{}')).toBe(415);
      const long = 'x'.repeat(70_000);
      expect(await ask(local.url, 'POST', { 'Content-Type': 'application/json' }, long)).toBe(400);
    } finally {
      await local.close();
    }
  });

  it('says when its port is taken', async () => {
    const local = await serveLocally(0, () => html(''));
    try {
      const port = Number(new URL(local.url).port);
      await expect(serveLocally(port, () => html(''))).rejects.toThrow(/can’t be had/);
    } finally {
      await local.close();
    }
  });
});
