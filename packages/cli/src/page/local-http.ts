import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { BadInput } from '../bad-input.ts';

export interface LocalHttp {
  readonly url: string;
  readonly server: Server;
  close(): Promise<void>;
}

export type Answer = { readonly status: number; readonly type: string; readonly body: string };

const BODY_BYTES_MAX = 65_536;
const LOCAL_HOSTS = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

/**
 * An HTTP server for a person at this machine. A page of a stranger in the same browser must not reach it: so it
 * answers only to a local Host (which DNS rebinding can't fake), and takes bodies only as JSON, which a foreign
 * page may not send without asking first (Fetch, CORS protocol).
 */
export async function serveLocally(
  port: number,
  handle: (request: IncomingMessage, body: string) => Answer | Promise<Answer>,
): Promise<LocalHttp> {
  const server = createServer((request, response) => {
    void answer(request, handle).then(
      (given) => send(response, given),
      (error: unknown) => send(response, text(400, error instanceof Error ? error.message : String(error))),
    );
  });
  await listen(server, port);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new BadInput('The page got no port.');
  return {
    url: `http://127.0.0.1:${address.port}/`,
    server,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export const text = (status: number, body: string): Answer => ({
  status,
  type: 'text/plain; charset=utf-8',
  body,
});
export const json = (value: unknown): Answer => ({
  status: 200,
  type: 'application/json',
  body: JSON.stringify(value),
});
export const html = (body: string): Answer => ({ status: 200, type: 'text/html; charset=utf-8', body });

async function answer(
  request: IncomingMessage,
  handle: (request: IncomingMessage, body: string) => Answer | Promise<Answer>,
): Promise<Answer> {
  if (!isLocalHost(request.headers.host)) return text(403, 'Only for this machine.\n');
  const isPost = request.method === 'POST';
  if (isPost && !/^application\/json\b/.test(request.headers['content-type'] ?? '')) {
    return text(415, 'Only JSON.\n');
  }
  return handle(request, isPost ? await bodyOf(request) : '');
}

export function isLocalHost(host: string | undefined): boolean {
  return LOCAL_HOSTS.test(host ?? '');
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) {
    body += chunk;
    if (body.length > BODY_BYTES_MAX) throw new Error('The body is too long.');
  }
  return body;
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, {
    'Content-Type': type,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
  });
  response.end(body);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(new BadInput(`Port ${port} can’t be had (${error.code ?? error.message}); choose another one.`)),
    );
    server.listen(port, '127.0.0.1', resolve);
  });
}
