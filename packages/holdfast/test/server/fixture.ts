import { expect, onTestFinished, vi } from 'vitest';
import { createServer, type Action, type ServerOptions } from '../../src/server/create-server.ts';
import { within } from '../../src/testing/contracts/runner.ts';
import { RawClient, type Hello } from './raw-client.ts';

// Everything here waits for events; the limit is for machines that have much else to do.
vi.setConfig({ testTimeout: 30_000 });

export type Server = ReturnType<typeof createServer>;

/** A server on a free port that ends with the test, and the lines of its log. */
export async function startServer(
  options: ServerOptions = {},
): Promise<{ server: Server; port: number; lines: string[] }> {
  const lines: string[] = [];
  const log = (text: string): void => void lines.push(text);
  const server = createServer({ logger: { info: log, warn: log }, ...options });
  onTestFinished(() => server.close());
  const { port } = await server.listen(0, '127.0.0.1');
  return { server, port, lines };
}

/** Lets Ann do all, and Bob what `rule` says. */
export function rulesFor(
  rule: (action: Action, name: string) => boolean | PromiseLike<boolean>,
): ServerOptions {
  return {
    authenticate: ({ token }) => ({ id: token }),
    authorize: ({ id }, action, name) => (id === 'ann' ? true : rule(action, name)),
  };
}

/** The ways for `authorize` to answer. */
export const ways: Record<string, (allowed: boolean) => boolean | PromiseLike<boolean>> = {
  'at once': (allowed) => allowed,
  later: (allowed) => new Promise((resolve) => setImmediate(resolve, allowed)),
  'by what is no Promise, and can be waited for': (allowed) => {
    const promise = Promise.resolve(allowed);
    // oxlint-disable-next-line unicorn/no-thenable
    return { then: (...handlers) => promise.then(...handlers) } as PromiseLike<boolean>;
  },
};

/** Somebody who keeps to the rules, and must not notice those who don't. */
export class Honest {
  readonly client: RawClient;
  private sequence = 0;

  private constructor(client: RawClient) {
    this.client = client;
  }

  static async join(port: number, hello: Hello = {}, path = '/'): Promise<Honest> {
    const honest = new Honest(await RawClient.connect(port, hello, { path }));
    await honest.client.subscribed(1, 'honest');
    return honest;
  }

  /** Publishes, and hears it, on the connection that it had from the start. */
  async works(): Promise<void> {
    const sequence = ++this.sequence;
    await this.client.published(sequence, 'honest', sequence);
    const data = await this.client.dataOf(sequence);
    expect(data).toEqual(Array.from({ length: sequence }, (_, index) => index + 1));
    expect(this.client.webSocket.readyState).toBe(this.client.webSocket.OPEN);
  }
}

/** Something that is settled from outside. */
export function deferred<T = void>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

/** The next event of a server. */
export function eventOf<E extends 'connect' | 'disconnect'>(
  server: Server,
  event: E,
): Promise<Parameters<Parameters<Server['on']>[1]>[0]> {
  return within(
    `the event "${event}"`,
    new Promise((resolve) => {
      const off = server.on(event, (value) => {
        off();
        resolve(value as never);
      });
    }),
  );
}

/** A failure must say what went wrong in a sentence, not only by a code. */
export const aSentence: unknown = expect.stringMatching(/^\S.{15,}[.!?]$/s);
