import { once } from 'node:events';
import {
  createServer,
  request,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Command } from '../src/events.ts';
import { parseCommand } from '../src/supervisor/command.ts';
import { answer } from '../src/supervisor/front-door.ts';

interface Answer {
  status: number | undefined;
  headers: Record<string, unknown>;
  text: string;
}

describe('the HTTP side of the supervisor', () => {
  let server: Server;
  let port: number;
  let commands: Command[];
  let hindrance: string | undefined;

  beforeEach(async () => {
    commands = [];
    hindrance = undefined;
    server = createServer((incoming, response) => {
      void answer(incoming, response, {
        files: new Map([['/', { type: 'text/html; charset=utf-8', body: '<p>' }]]),
        port,
        linePorts: [4_321],
        watch: () => false,
        parse: parseCommand,
        command(command) {
          commands.push(command);
          return hindrance;
        },
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  // Not `fetch`, which does not let its caller say who the Host is.
  async function ask(
    method: string,
    path: string,
    body = '',
    headers: OutgoingHttpHeaders = {},
  ): Promise<Answer> {
    const asked = request({
      port,
      host: '127.0.0.1',
      method,
      path,
      headers: { host: `localhost:${port}`, 'content-type': 'application/json', ...headers },
    });
    asked.end(body);
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    let text = '';
    for await (const chunk of response) text += String(chunk);
    return { status: response.statusCode, headers: response.headers, text };
  }

  it('serves the page, which may connect to its lines and to nothing else', async () => {
    const page = await ask('GET', '/?from=a-bookmark');
    expect(page).toMatchObject({ status: 200, text: '<p>' });
    expect(page.headers['content-security-policy']).toContain(
      "connect-src 'self' ws://127.0.0.1:4321 http://127.0.0.1:4321;",
    );
  });

  it('carries out a command of its own page', async () => {
    const given = await ask('POST', '/control', '{"action":"idle-cut","on":true}', {
      origin: `http://localhost:${port}`,
    });
    expect(given.status).toBe(204);
    expect(commands).toEqual([{ action: 'idle-cut', on: true }]);
  });

  it('says why a command can’t be carried out now', async () => {
    hindrance = 'It is dead already.';
    expect(await ask('POST', '/control', '{"action":"kill"}')).toMatchObject({
      status: 409,
      text: 'It is dead already.\n',
    });
  });

  it.each([
    ['another site’s page', 403, 'POST', '/control', '{"action":"kill"}', { origin: 'https://evil.example' }],
    ['another name for this machine', 403, 'POST', '/control', '{"action":"kill"}', { host: 'evil.example' }],
    ['a form', 415, 'POST', '/control', 'action=kill', { 'content-type': 'text/plain' }],
    ['an unknown command', 400, 'POST', '/control', '{"action":"format"}', {}],
    ['a body that is too long', 413, 'POST', '/control', ' '.repeat(2_000), {}],
    ['a command in an address', 405, 'GET', '/control', '', {}],
    ['a body for the page', 405, 'POST', '/', '', {}],
    ['a path that is not there', 404, 'GET', '/../package.json', '', {}],
    ['the page under another name', 403, 'GET', '/', '', { host: 'evil.example' }],
    ['one page too many', 503, 'GET', '/events', '', {}],
  ])('refuses %s', async (_what, status, method, path, body, headers) => {
    expect((await ask(method, path, body, headers)).status).toBe(status);
    expect(commands).toEqual([]);
  });
});
