import type { Outcome } from '../../session/reply-book.ts';
import type { Session } from '../sessions.ts';
import type { NodeMessage } from './node-messages.ts';
import type { Waypoint } from './whereabouts.ts';

type Answer = Omit<NodeMessage<'answer'>, 'from'>;

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
    const overtaken = session?.connection !== undefined && session.connectionNumber > connection;
    for (const request of requests) {
      if (overtaken) this.answer(from, id, request, 'unknown');
      else this.giveAccount({ from, id, request, through }, session);
    }
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

  private giveAccount(
    { from, id, request, through }: { from: string; id: string; request: number; through: number },
    session: Session | undefined,
  ): void {
    const known = session?.replies?.find(request);
    switch (known?.state) {
      case 'done':
        return this.answerWith(from, id, request, known.outcome);
      case 'running':
        this.await(`${id} ${request}`, from);
        return this.answer(from, id, request, 'running');
      case 'forgotten':
        return this.answer(from, id, request, 'unknown');
      default: {
        const isMine = this.parts.handOver(id, request, { node: from, through });
        return this.answer(from, id, request, isMine ? 'not-run' : 'unknown');
      }
    }
  }

  private await(key: string, node: string): void {
    const nodes = this.awaited.get(key);
    if (nodes) nodes.add(node);
    else if (this.awaited.size < AWAITED_MAX) this.awaited.set(key, new Set([node]));
  }

  private answerWith(to: string, session: string, request: number, outcome: Outcome): void {
    if (!outcome.ok) return this.answer(to, session, request, 'failed', outcome);
    if (outcome.payload.length > REPLY_BYTES_MAX) return this.answer(to, session, request, 'unknown');
    this.answer(to, session, request, 'done', undefined, outcome.payload);
  }

  private answer(
    to: string,
    session: string,
    request: number,
    fate: Answer['fate'],
    { code, text } = { code: '', text: '' },
    payload?: Uint8Array,
  ): void {
    this.parts.send({ kind: 'answer', to, session, request, fate, code, text }, payload);
  }
}
