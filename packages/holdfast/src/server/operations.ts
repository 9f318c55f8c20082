import { HoldfastError, type ErrorCode } from '../protocol/error-codes.ts';
import type { PayloadCodec } from '../protocol/payload.ts';
import { schema, type WireRecord } from '../protocol/schema.ts';
import { NAME_BYTES_MAX, RECORD_OVERHEAD_BYTES } from '../protocol/limits.ts';
import type { Outcome } from '../session/reply-book.ts';
import type { Cursor } from '../session/cursor.ts';
import type { WireStart } from '../session/cursors.ts';
import type { Connection } from './connection.ts';
import { cutText } from './cut-text.ts';
import type { HubTopic } from './hub.ts';
import type { Node } from './node.ts';
import type { Action } from './options.ts';
import type { Session } from './sessions.ts';
import { isThenable } from './thenable.ts';

/** What the field `text` of a failure holds (`protocol/schema.ts`). */
const EXPLANATION_BYTES_MAX = schema.failed[1].text.bytesMax;

/** Unknown: `authorize` could not say, so it is neither granted nor refused (SPEC AUTH-8). */
type Allowed = boolean | 'unknown';

export type Method = (payload: Uint8Array, session: Session) => Uint8Array | Promise<Uint8Array>;

/** What a client may ask for, each checked against `authorize` before anything is done. */
export class Operations {
  readonly methods = new Map<string, Method>();
  /** Requests that are not answered at once. */
  private running = 0;
  private readonly whenIdle = new Set<() => void>();
  /** The log had no room for the last publish, which was said once. */
  private isFull = false;
  private readonly node: Node;

  constructor(node: Node) {
    this.node = node;
  }

  /** Appends a publish. Those of one connection stay in order, however long their authorization takes. */
  append(connection: Connection, publish: WireRecord<'publish'>): void {
    const wrong = checkTopicName(publish.topic);
    const allowed = wrong ? false : this.isAllowed(connection, 'publish', publish.topic);
    if (!connection.publishing && !(allowed instanceof Promise)) {
      return this.appendIf(connection, publish, allowed, wrong);
    }
    const turn = (connection.publishing ?? Promise.resolve())
      .then(() => allowed)
      .then((is) => this.appendIf(connection, publish, is, wrong))
      .then(() => {
        if (connection.publishing === turn) connection.publishing = undefined;
      });
    connection.publishing = turn;
  }

  private appendIf(
    connection: Connection,
    { sequence, topic, payload }: WireRecord<'publish'>,
    allowed: Allowed,
    wrong: WrongName | undefined,
  ): void {
    // An earlier one may have failed: applied before it comes again, this one would make it stale (SPEC PUB-2).
    if (connection.isClosed) return;
    const fail = (code: ErrorCode, text: string) => connection.machine.appendFailed(sequence, code, text);
    if (wrong) return fail(wrong.code, wrong.text);
    if (allowed === 'unknown') return askLater(connection);
    if (!allowed) return fail('not-authorized', notAllowed('publish', topic));
    this.node.log.append(topic, connection.session!.id, sequence, payload).then(
      (appended) => {
        if (appended.status === 'stale') return fail('sequence-stale', staleText);
        if (appended.status === 'appended') this.node.counters.published++;
        this.isFull = false;
        connection.machine.appended(sequence, appended.position);
      },
      (error: unknown) => {
        // Of anything else nobody knows whether it was kept.
        if (!(error instanceof HoldfastError)) this.logFailed(connection, error);
        else if (error.code === 'too-big') fail('too-big', error.message);
        else if (error.code === 'log-full') fail('log-full', this.noteFull(error));
        else this.logFailed(connection, error);
      },
    );
  }

  /** Runs a request, unless it ran before (SPEC REQ-1). */
  call(connection: Connection, { request, finished, method, payload }: WireRecord<'request'>): void {
    const session = connection.session!;
    const replies = this.node.sessions.repliesOf(session);
    this.finish(session, finished);
    const entry = replies.begin(request);
    if (entry.state === 'done') return connection.machine.replied(request, entry.outcome);
    if (entry.state === 'forgotten') {
      const outcome = failure(
        'outcome-unknown',
        'The reply is no longer kept. Ask your application for the outcome.',
      );
      return connection.machine.replied(request, outcome);
    }
    if (entry.state === 'running') return;
    const elsewhere = this.node.cluster.elsewhere(session, request);
    const outcome = elsewhere
      ? elsewhere.then((known) => (known === 'not-run' ? this.run(connection, method, payload) : known))
      : this.run(connection, method, payload);
    if (!(outcome instanceof Promise)) return this.complete(session, request, outcome);
    this.running++;
    void outcome.then((done) => {
      this.complete(session, request, done);
      if (--this.running === 0) for (const idle of this.whenIdle) idle();
    });
  }

  /** Waits until no request runs, or the time is up. */
  async idle(timeoutMs: number): Promise<void> {
    if (this.running === 0) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        cancel();
        this.whenIdle.delete(done);
        resolve();
      };
      const cancel = this.node.clock.setTimer(done, timeoutMs);
      this.whenIdle.add(done);
    });
  }

  private complete(session: Session, request: number, outcome: Outcome): void {
    this.node.sessions.complete(session, request, outcome);
    this.node.cluster.completed(session, request, outcome);
  }

  /** The client has the outcomes of all requests below this one. */
  finish(session: Session, below: number): void {
    session.replies?.finish(below);
    this.node.cluster.finished(session, below);
  }

  private run(connection: Connection, name: string, payload: Uint8Array): Outcome | Promise<Outcome> {
    this.node.counters.requests++;
    if (name === '$presence') return this.listPresent(connection, payload);
    const allowed = this.isAllowed(connection, 'request', name);
    if (allowed instanceof Promise) return allowed.then((is) => this.runIf(connection, name, payload, is));
    return this.runIf(connection, name, payload, allowed);
  }

  private runIf(
    connection: Connection,
    name: string,
    payload: Uint8Array,
    allowed: Allowed,
  ): Outcome | Promise<Outcome> {
    if (allowed === 'unknown') return unchecked;
    if (!allowed) return failure('not-authorized', notAllowed('request', name));
    const method = this.methods.get(name);
    if (!method)
      return failure('unknown-method', `This server has no method "${name}". Add it with server.method().`);
    try {
      const result = method(payload, connection.session!);
      if (!(result instanceof Promise)) return this.success(result);
      return result.then(
        (bytes) => this.success(bytes),
        (error: unknown) => this.failed(name, error),
      );
    } catch (error) {
      return this.failed(name, error);
    }
  }

  private success(payload: Uint8Array): Outcome {
    if (payload.length + RECORD_OVERHEAD_BYTES <= this.node.limits.messageBytesMax)
      return { ok: true, payload };
    return failure(
      'too-big',
      `The reply has ${payload.length} bytes; limits.messageBytesMax is ${this.node.limits.messageBytesMax}.`,
    );
  }

  /** What a method throws on purpose, as a HoldfastError, reaches the caller; anything else is the operator's. */
  private failed(name: string, error: unknown): Outcome {
    if (error instanceof HoldfastError) return failureOf(error);
    this.node.options.logger.warn(`Holdfast: the method "${name}" threw: ${String(error)}`);
    return failure('method-failed', `The method "${name}" failed on the server; its log says why.`);
  }

  /** The request `$presence`: who is on a topic, for whoever may read it (SPEC CLUSTER-12). */
  private listPresent(connection: Connection, payload: Uint8Array): Outcome | Promise<Outcome> {
    const { codec } = this.node.options;
    const topic = decodedText(codec, payload);
    if (topic === undefined || !this.node.cluster.hasPresence(topic))
      return failure('invalid-payload', 'Send the name of a topic whose option `presence` is true.');
    const answer = (is: Allowed): Outcome => {
      if (is === 'unknown') return unchecked;
      if (!is) return failure('not-authorized', notAllowed('subscribe', topic));
      return this.success(codec.encode(this.node.cluster.present(topic)));
    };
    const allowed = this.isAllowed(connection, 'subscribe', topic);
    return allowed instanceof Promise ? allowed.then(answer) : answer(allowed);
  }

  signal(connection: Connection, topic: string, payload: Uint8Array): void {
    if (checkTopicName(topic) || connection.signalling >= this.node.limits.windowMax) return;
    const allowed = this.isAllowed(connection, 'signal', topic);
    if (allowed === true) return this.node.signal(topic, payload);
    if (!(allowed instanceof Promise)) return;
    connection.signalling++;
    void allowed.then((is) => {
      connection.signalling--;
      if (is === true) this.node.signal(topic, payload);
    });
  }

  /** Opens a subscription: authorized anew on each connection, resumed or not (SPEC AUTH-2). */
  async openCursor(connection: Connection, cursor: Cursor<HubTopic>, start: WireStart): Promise<void> {
    const { name: asked } = cursor;
    const { cursors } = connection.machine;
    const fail = (code: ErrorCode, text: string) => cursors.openFailed(cursor, code, text);
    const { cluster } = this.node;
    const name = inboxName(asked, connection.session!) ?? asked;
    // Whoever may read a topic may see who is on it.
    const read = cluster.watchedBy(asked) ?? asked;
    const wrong = name === asked ? checkTopicName(read) : undefined;
    if (wrong) return fail(wrong.code, wrong.text);
    const allowed = name === asked ? this.isAllowed(connection, 'subscribe', read) : true;
    const is = allowed instanceof Promise ? await allowed : allowed;
    if (is === 'unknown') return askLater(connection);
    if (!is) return fail('not-authorized', notAllowed('subscribe', asked));
    const { hub } = this.node;
    try {
      const topic = await hub.use(name);
      const begin = await hub
        .startOf(topic, start.from, start.epoch, start.offset)
        .catch((error: unknown) => {
          hub.release(topic);
          throw error;
        });
      if (cursor.state !== 'opening') return hub.release(topic);
      cursor.topic = topic;
      if (topic.presence) cluster.presence.enter(name, connection.session!);
      cursors.opened(cursor, topic.alias, begin, topic.sent);
    } catch (error) {
      this.logFailed(connection, error);
    }
  }

  shutCursor(connection: Connection, topic: HubTopic): void {
    this.node.hub.release(topic);
    if (!topic.presence) return;
    const lost = connection.isClosed && !connection.isDone;
    this.node.cluster.presence.leave(topic.name, connection.session!.id, lost);
  }

  /** Asks again about everything that a connection reads, and withdraws what is no longer allowed (SPEC AUTH-4). */
  async reauthorize(connection: Connection): Promise<void> {
    const ask = async (cursor: Cursor<HubTopic>): Promise<void> => {
      const read = this.node.cluster.watchedBy(cursor.name) ?? cursor.name;
      if (read.startsWith('$')) return;
      const allowed = await this.isAllowed(connection, 'subscribe', read);
      if (allowed === 'unknown') return askLater(connection);
      if (!allowed) connection.machine.cursors.revoke(cursor, cursor.topic?.sent ?? cursor.position);
    };
    await Promise.all(Array.from(connection.cursors(), ask));
  }

  /** Where the log is, and what is wrong there, is the operator's to know; gives what is the client's. */
  private noteFull(error: Error): string {
    if (!this.isFull) this.node.options.logger.warn(`Holdfast: publishes fail: ${error.message}`);
    this.isFull = true;
    return 'The server’s log has no room, and has not kept this. Publish it again later.';
  }

  /** The client comes back and sends again what it has no answer for; dedup keeps that harmless (SPEC PUB-3). */
  logFailed(connection: Connection, error: unknown): void {
    this.node.options.logger.warn(`Holdfast: the log failed: ${String(error)}`);
    connection.close('log-unavailable', 'The server’s log does not answer.');
  }

  private isAllowed(connection: Connection, action: Action, name: string): Allowed | Promise<Allowed> {
    const { authorize, logger } = this.node.options;
    if (!authorize) return true;
    const note = (error: unknown): 'unknown' => {
      logger.warn(
        `Holdfast: authorize threw, so "${action}" on "${name}" could not be checked: ${String(error)} (To refuse, return false.)`,
      );
      return 'unknown';
    };
    // Anything but a plain true is a no.
    const decide = (answer: unknown): boolean => {
      if (typeof answer !== 'boolean')
        logger.warn(`Holdfast: authorize must return true or false; "${action}" on "${name}" was refused.`);
      return answer === true;
    };
    try {
      const answer = authorize(connection.session!.identity, action, name);
      return isThenable(answer) ? Promise.resolve(answer).then(decide, note) : decide(answer);
    } catch (error) {
      return note(error);
    }
  }
}

/** Its client comes back after backoff, and asks for everything again. */
function askLater(connection: Connection): void {
  connection.close('auth-unavailable', 'The server could not check what you may do.');
}

function decodedText(codec: PayloadCodec, payload: Uint8Array): string | undefined {
  try {
    const value = codec.decode(payload);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A session's own topic, and its user's, under the names by which a client asks for them. */
export function inboxName(
  asked: string,
  session: { id: string; identity: { id: string } },
): string | undefined {
  if (asked === '$inbox') return `$inbox:${session.id}`;
  if (asked === '$user') return `$user:${session.identity.id}`;
  return undefined;
}

/** Whether a topic is a session’s own, which ends with it. */
export function isInbox(topic: string): boolean {
  return topic.startsWith('$inbox:');
}

interface WrongName {
  code: ErrorCode;
  text: string;
}

/** What is wrong with a topic's name, if anything. Names that look alike but differ would slip past `authorize`. */
export function checkTopicName(name: string): WrongName | undefined {
  if (typeof name !== 'string' || name === '') return invalidName('A topic needs a name.');
  if (Buffer.byteLength(name) > NAME_BYTES_MAX)
    return invalidName(`A topic’s name has at most ${NAME_BYTES_MAX} bytes in UTF-8.`);
  if (name.startsWith('$')) {
    const text = `"${name}": names that begin with $ belong to the server. Choose another.`;
    return { code: 'reserved-topic', text };
  }
  // Half a surrogate pair becomes U+FFFD on its way, and so another name.
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f\ud800-\udfff\ufffd]/u.test(name))
    return invalidName('A topic’s name must not hold control characters, or halves of characters.');
  if (name.normalize('NFC') !== name)
    return invalidName(`"${name}" is not in Unicode’s composed form; send name.normalize("NFC").`);
  return undefined;
}

function invalidName(text: string): WrongName {
  return { code: 'invalid-name', text };
}

/** What an application has thrown, which may hold anything, as far as it fits the wire. */
function failureOf({ code, message }: HoldfastError): Outcome {
  const fit = cutText(String(code), NAME_BYTES_MAX);
  return { ok: false, code: fit, text: cutText(String(message), EXPLANATION_BYTES_MAX) };
}

function failure(code: ErrorCode, text: string): Outcome {
  return { ok: false, code, text };
}

function notAllowed(action: Action, name: string): string {
  return `This identity may not ${action} "${name}"; the server’s authorize said no.`;
}

const unchecked = failure(
  'method-failed',
  'The server could not check whether this is allowed, and has not run it; its log says why.',
);

const staleText =
  'A later publish of this session was applied, and this one never was. Publish it again if it is still wanted.';
