import type { Outcome } from '../../session/reply-book.ts';
import type { Session } from '../sessions.ts';
import type { NodeMessage } from './node-messages.ts';
import type { Waypoint } from './whereabouts.ts';

type Answer = Omit<NodeMessage<'answer'>, 'from'>;
type PlainFate = Exclude<Answer['fate'], 'done' | 'failed'>;

interface AccountParts {
  session: (id: string) => Session | undefined;
  handOver: (session: string, request: number, heir: Waypoint) => boolean;
  send: (answer: Answer, payload?: Uint8Array) => void;
}

/** Requests that run here and are waited for elsewhere; for more, the asking node asks again after a while. */
const AWAITED_MAX = 20_000;
/** A larger reply is not sent between nodes; a request can't be told from one whose reply was lost. */
const REPLY_BYTES_MAX = 262_144;

/** Says to other nodes what became of requests that were sent to this one (SPEC CLUSTER-5, CLUSTER-6). */
export class Accounts {
  /** Which nodes wait for a request that runs here. */
  private readonly awaited = new Map<string, Set<string>>();
  private readonly parts: AccountParts;

  constructor(parts: AccountParts) {
    this.parts = parts;
  }

  handleAsk({ from, session: id, connection, through, requests }: NodeMessage<'ask'>): void {
    const session = this.parts.session(id);
    // The session lives here on a later connection: whoever asks was overtaken, and must not run anything.
    const isOvertaken = session?.connection !== undefined && session.connectionNumber > connection;
    const heir = { node: from, through };
    // However many are asked about, those without a reply are answered in a message for each fate.
    const plain = new Map<PlainFate, number[]>();
    for (const request of requests) {
      const fate = isOvertaken ? 'unknown' : this.fateOf(id, request, heir, session);
      if (typeof fate === 'object') this.answerWith(from, id, request, fate);
      else if (!plain.get(fate)?.push(request)) plain.set(fate, [request]);
    }
    for (const [fate, which] of plain) this.answer(from, id, which, fate);
  }

  /** A request of this node is done; tells those that wait for it. */
  completed(session: string, request: number, outcome: Outcome): void {
    if (this.awaited.size === 0) return;
    const key = `${session} ${request}`;
    const nodes = this.awaited.get(key);
    this.awaited.delete(key);
    for (const node of nodes ?? []) this.answerWith(node, session, request, outcome);
  }

  /** Nobody asks for that node any more. */
  forget(node: string): void {
    for (const [key, nodes] of this.awaited) {
      if (nodes.delete(node) && nodes.size === 0) this.awaited.delete(key);
    }
  }

  private fateOf(
    id: string,
    request: number,
    heir: Waypoint,
    session: Session | undefined,
  ): Outcome | PlainFate {
    const known = session?.replies?.find(request) ?? { state: 'new' };
    switch (known.state) {
      case 'done':
        return known.outcome;
      case 'running':
        this.await(`${id} ${request}`, heir.node);
        return 'running';
      case 'forgotten':
        return 'unknown';
      case 'new':
        return this.parts.handOver(id, request, heir) ? 'not-run' : 'unknown';
    }
  }

  private await(key: string, node: string): void {
    const nodes = this.awaited.get(key);
    if (nodes) nodes.add(node);
    else if (this.awaited.size < AWAITED_MAX) this.awaited.set(key, new Set([node]));
  }

  private answerWith(to: string, session: string, request: number, outcome: Outcome): void {
    if (!outcome.ok) return this.answer(to, session, [request], 'failed', outcome);
    if (outcome.payload.length > REPLY_BYTES_MAX) return this.answer(to, session, [request], 'unknown');
    this.answer(to, session, [request], 'done', undefined, outcome.payload);
  }

  private answer(
    to: string,
    session: string,
    requests: number[],
    fate: Answer['fate'],
    { code, text } = { code: '', text: '' },
    payload?: Uint8Array,
  ): void {
    this.parts.send({ kind: 'answer', to, session, requests, fate, code, text }, payload);
  }
}
