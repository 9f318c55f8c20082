import {
  HoldfastError,
  type HoldfastServer,
  type Position,
  type ReadOptions,
  type TopicHandle,
} from 'holdfast/server';
import { array, integer, object, string, type Schema } from './schema.ts';

/** An operation of the HTTP API: what it takes and gives, in words that both the server and OpenAPI read. */
export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly summary: string;
  /** The query of a GET, the body of a POST. */
  readonly input: Schema;
  readonly output: Schema;
  run(server: HoldfastServer, input: never): unknown;
}

const position = object({ epoch: integer(0), offset: integer(0) }, ['epoch', 'offset']);
const publication = object(
  {
    topic: string(256, 'a topic'),
    data: { description: 'any JSON value' },
    key: string(128, 'an idempotency key: repeats with it add nothing and get the first one’s position'),
  },
  ['topic', 'data'],
);
const failure = object({ code: string(64), text: string(1_024) }, ['code', 'text']);

interface Publication {
  topic: string;
  data: unknown;
  key?: string;
}

const publish = (server: HoldfastServer, { topic, data, key }: Publication): Promise<Position> =>
  server.publish(topic, data, key === undefined ? {} : { idempotencyKey: key });

const failureOf = ({ code, message }: HoldfastError) => ({ code, text: message });

async function history(topic: TopicHandle, options: ReadOptions) {
  const { messages, gap } = await topic.read(options);
  return {
    messages: messages.map(({ position, data, error }) =>
      error ? { position, error: failureOf(error) } : { position, data },
    ),
    gap,
  };
}

export const routes: readonly Route[] = [
  {
    method: 'POST',
    path: '/publish',
    summary: 'Appends to a topic; answers once the log has it.',
    input: publication,
    output: position,
    run: (server, input: Publication) => publish(server, input),
  },
  {
    method: 'POST',
    path: '/publish-many',
    summary:
      'Appends several, in order; each has its own result, so that those that failed can be sent again.',
    input: object({ messages: array(publication, 1_000) }, ['messages']),
    output: object({ results: array({ oneOf: [position, failure] }) }, ['results']),
    run: async (server, { messages }: { messages: Publication[] }) => ({
      results: await Promise.all(
        messages.map((each) =>
          publish(server, each).catch((error: unknown) => {
            if (error instanceof HoldfastError) return failureOf(error);
            return {
              code: 'log-unavailable',
              text: 'The log did not take it; send it again with the same key.',
            };
          }),
        ),
      ),
    }),
  },
  {
    method: 'GET',
    path: '/history',
    summary:
      'Reads a topic: its last messages, or what follows a position; of more than 4 MiB the newest, or the next.',
    input: object(
      {
        topic: string(256, 'a topic'),
        limit: integer(1, 1_000, 'messages at most; default 100'),
        epoch: integer(0, undefined, 'with offset: the position to read after'),
        offset: integer(0),
      },
      ['topic'],
    ),
    output: object(
      {
        messages: array(object({ position, data: {}, error: failure }, ['position'])),
        gap: object({ from: position, to: position, reason: string(16) }, ['from', 'to', 'reason']),
      },
      ['messages'],
    ),
    run: (
      server,
      { topic, limit, epoch, offset }: { topic: string; limit?: number; epoch?: number; offset?: number },
    ) => {
      if ((epoch === undefined) !== (offset === undefined))
        throw new HoldfastError(
          'invalid-payload',
          'A position is "epoch" and "offset": give both, or neither.',
        );
      return history(server.topic(topic), {
        ...(limit !== undefined && { limit }),
        ...(epoch !== undefined && offset !== undefined && { after: { epoch, offset } }),
      });
    },
  },
  {
    method: 'GET',
    path: '/presence',
    summary: 'Who is on a topic with the policy `presence`, on all nodes.',
    input: object({ topic: string(256, 'a topic') }, ['topic']),
    output: object({ count: integer(0), present: array({ type: 'object' }) }, ['count', 'present']),
    run: (server, { topic }: { topic: string }) => server.presence(topic),
  },
  {
    method: 'POST',
    path: '/disconnect',
    summary: 'Ends a session for good, on whichever node it is.',
    input: object({ session: string(64, 'its id'), text: string(120, 'what its client is told') }, [
      'session',
    ]),
    output: object({ done: { type: 'boolean' } }, ['done']),
    run: async (server, { session, text }: { session: string; text?: string }) => ({
      done: await server.closeSession(session, text ?? 'Ended by the application.'),
    }),
  },
  {
    method: 'POST',
    path: '/send',
    summary: 'Appends to the inbox of a session, or of all sessions of a user.',
    input: object(
      {
        session: string(64, 'a session’s id'),
        user: string(256, 'or a user’s'),
        data: { description: 'any JSON value' },
      },
      ['data'],
    ),
    output: position,
    run: (server, { session, user, data }: { session?: string; user?: string; data: unknown }) => {
      if (session !== undefined && user === undefined) return server.sendToSession(session, data);
      if (user !== undefined && session === undefined) return server.sendToUser(user, data);
      throw new HoldfastError('invalid-payload', 'Give either "session" or "user".');
    },
  },
  {
    method: 'GET',
    path: '/stats',
    summary: 'The figures of all nodes, and what they add up to.',
    input: object({}, []),
    output: { type: 'object' },
    run: (server) => server.clusterStats(),
  },
];
