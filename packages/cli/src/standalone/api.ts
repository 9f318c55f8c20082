import { createHash, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { HoldfastError, type HoldfastServer } from 'holdfast/server';
import { openApi } from './openapi.ts';
import { routes, type Route } from './routes.ts';
import { wrongWith, type Schema } from './schema.ts';

/** 1,000 publishes of a few KiB each; more is better sent as several. */
const BODY_BYTES_MAX = 4_194_304;
const REQUEST_TIMEOUT_MS = 30_000;

/** An answer that is no 200, and why. */
class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, text: string) {
    super(text);
    this.status = status;
    this.code = code;
  }
}

/** The HTTP API for backends, not yet listening. */
export function createApi(server: HoldfastServer, key: string, warn: (text: string) => void): Server {
  const expected = digestOf(key);
  const api = createServer((request, response) => {
    // Whoever keeps the connection comes to another worker with the next request.
    if (server.stats().state !== 'open') response.setHeader('connection', 'close');
    answer(server, expected, request)
      .then((body) => send(response, 200, body))
      .catch((error: unknown) => {
        // Whoever sent it is gone, with the rest of the body: nobody is there to be answered.
        if (error === request.errored) return;
        const { status, code, message } = refusalOf(error);
        if (status === 500) warn(`The API failed: ${String(error)}`);
        send(response, status, { code, text: message });
      });
  });
  api.requestTimeout = REQUEST_TIMEOUT_MS;
  return api;
}

export async function listen(server: Server, port: number, host: string): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as { port: number }).port;
}

/** Ends when what is under way is answered, or the time is up. */
export async function end(api: Server, withinMs: number): Promise<void> {
  const late = setTimeout(() => api.closeAllConnections(), withinMs);
  await new Promise<void>((resolve) => void api.close(() => resolve()));
  clearTimeout(late);
}

async function answer(server: HoldfastServer, expected: Buffer, request: IncomingMessage): Promise<unknown> {
  // All behind the first "?": a further one is a letter of the query (RFC 3986 §3.4).
  const [, path, query] = /^([^?]*)\??(.*)$/s.exec(request.url ?? '/')!;
  if (path === '/openapi.json') return openApi();
  const given = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
  if (!timingSafeEqual(digestOf(given), expected))
    throw new Refusal(401, 'unauthorized', 'Give the key of api.key as "Authorization: Bearer …".');
  const here = routes.filter((route) => route.path === path);
  if (here.length === 0)
    throw new Refusal(
      404,
      'unknown-path',
      `There are ${routes.map((route) => route.path).join(', ')} and /openapi.json.`,
    );
  const route = here.find(({ method }) => method === request.method);
  if (!route) throw new Refusal(405, 'wrong-method', `${path} takes ${here[0]!.method}.`);
  const input =
    route.method === 'GET' ? queryOf(new URLSearchParams(query), route.input) : await bodyOf(request);
  return run(server, route, input);
}

async function run(server: HoldfastServer, route: Route, input: unknown): Promise<unknown> {
  const wrong = wrongWith(input, route.input, route.method === 'GET' ? 'the query' : 'the body');
  if (wrong) throw new Refusal(400, 'invalid-payload', wrong);
  return route.run(server, input as never);
}

/** A query has only texts: numbers are read where the schema wants them. */
function queryOf(query: URLSearchParams, { properties = {} }: Schema): unknown {
  const entries = Array.from(query, ([name, text]) => {
    const isNumber = properties[name]?.type === 'integer' && /^\d+$/.test(text);
    return [name, isNumber ? Number(text) : text];
  });
  return Object.fromEntries(entries);
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX)
      throw new Refusal(413, 'too-big', `A body has ${BODY_BYTES_MAX} bytes at most; send several.`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new Refusal(400, 'invalid-payload', 'The body must be JSON.');
  }
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (!(error instanceof HoldfastError))
    return new Refusal(500, 'internal-error', 'It failed; the server’s log says why.');
  // A worker that ends is no fault of the request: whoever takes its place will carry it out.
  const status = { 'log-unavailable': 503, closed: 503, 'log-full': 507 }[error.code as string] ?? 400;
  return new Refusal(status, error.code, error.message);
}

function send(response: ServerResponse, status: number, body: unknown): void {
  if (status === 413) response.setHeader('connection', 'close');
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(JSON.stringify(body));
}

/** Of one length, whatever was given, so that the comparison takes one time. */
function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
