import type { Clock } from '../../session/clock.ts';
import type { Outcome } from '../../session/reply-book.ts';
import { LIST_MAX, type NodeMessage } from './node-messages.ts';
import type { Waypoint } from './whereabouts.ts';

/** A request that another node may have run, and that waits here for what became of it. */
interface Inquiry {
  readonly session: string;
  readonly request: number;
  readonly node: string;
  readonly through: number;
  /** The client's number of the connection for which it is asked: the newest that this node knows. */
  readonly connection: number;
  /** When the other node must have been heard about it, and when it is asked again. */
  deadlineMs: number;
  askAtMs: number;
  resolve(outcome: Outcome | 'not-run'): void;
}

interface InquiryParts {
  clock: Clock;
  /** Sends at the end of the turn. */
  wake: () => void;
  send: (ask: Omit<NodeMessage<'ask'>, 'from'>) => void;
  timeoutMs: number;
  /** A request that is known to run is asked about this often: its answer may have been lost. */
  runningEveryMs: number;
}

/** Requests that may wait for other nodes at a time; whoever comes beyond is told `outcome-unknown`. */
const INQUIRIES_MAX = 20_000;
const RETRY_MS = 1_000;

/** Asks other nodes what became of requests that were sent to them (SPEC CLUSTER-5). */
export class Inquiries {
  private readonly open = new Map<string, Inquiry>();
  /** What is asked at the end of the turn. */
  private readonly due = new Set<Inquiry>();
  private cancelTimer: (() => void) | undefined;
  private readonly parts: InquiryParts;

  constructor(parts: InquiryParts) {
    this.parts = parts;
  }

  /** What became of the request; `not-run` when nobody ran it, and nobody but this node ever will. */
  ask(
    session: { id: string; connectionNumber: number },
    request: number,
    { node, through }: Waypoint,
  ): Promise<Outcome | 'not-run'> {
    if (this.open.size >= INQUIRIES_MAX) return Promise.resolve(unknown);
    const nowMs = this.parts.clock.nowMs();
    return new Promise((resolve) => {
      const inquiry: Inquiry = {
        session: session.id,
        connection: session.connectionNumber,
        request,
        node,
        through,
        resolve,
        deadlineMs: nowMs + this.parts.timeoutMs,
        askAtMs: nowMs + RETRY_MS,
      };
      this.open.set(keyOf(inquiry), inquiry);
      this.due.add(inquiry);
      this.parts.wake();
      this.arm();
    });
  }

  handleAnswer(answer: NodeMessage<'answer'>, payload: Uint8Array): void {
    for (const request of answer.requests) {
      const inquiry = this.open.get(keyOf({ session: answer.session, request }));
      // The node that was asked, and nobody else, can say.
      if (inquiry?.node === answer.from) this.take(inquiry, answer, payload);
    }
  }

  private take(inquiry: Inquiry, answer: NodeMessage<'answer'>, payload: Uint8Array): void {
    switch (answer.fate) {
      case 'running': {
        const nowMs = this.parts.clock.nowMs();
        inquiry.askAtMs = nowMs + this.parts.runningEveryMs;
        inquiry.deadlineMs = inquiry.askAtMs + this.parts.timeoutMs;
        return;
      }
      case 'done':
        return this.end(inquiry, { ok: true, payload: payload.slice() });
      case 'failed':
        return this.end(inquiry, { ok: false, code: answer.code, text: answer.text });
      case 'not-run':
        return this.end(inquiry, 'not-run');
      case 'unknown':
        return this.end(inquiry, unknown);
    }
  }

  /** The node is dead: what it knew is lost. */
  handleGone(node: string): void {
    for (const inquiry of this.open.values()) if (inquiry.node === node) this.end(inquiry, unknown);
  }

  /** Sends what is due, the requests of one session together. */
  flush(): void {
    const asks = new Map<string, Omit<NodeMessage<'ask'>, 'from'>>();
    for (const { session, node, connection, through, request } of this.due) {
      const key = `${node} ${session} ${connection} ${through}`;
      const ask = asks.get(key);
      if (ask && ask.requests.length < LIST_MAX) ask.requests.push(request);
      else {
        if (ask) this.parts.send(ask);
        asks.set(key, { kind: 'ask', to: node, session, connection, through, requests: [request] });
      }
    }
    this.due.clear();
    for (const ask of asks.values()) this.parts.send(ask);
  }

  close(): void {
    this.cancelTimer?.();
    this.cancelTimer = undefined;
    for (const inquiry of this.open.values()) this.end(inquiry, unknown);
  }

  private end(inquiry: Inquiry, outcome: Outcome | 'not-run'): void {
    this.open.delete(keyOf(inquiry));
    this.due.delete(inquiry);
    inquiry.resolve(outcome);
  }

  private arm(): void {
    this.cancelTimer ??= this.parts.clock.setTimer(() => {
      this.cancelTimer = undefined;
      this.handleTime(this.parts.clock.nowMs());
      if (this.open.size > 0) this.arm();
    }, RETRY_MS);
  }

  private handleTime(nowMs: number): void {
    for (const inquiry of this.open.values()) {
      if (nowMs >= inquiry.deadlineMs) this.end(inquiry, unknown);
      else if (nowMs >= inquiry.askAtMs) {
        inquiry.askAtMs = nowMs + RETRY_MS;
        this.due.add(inquiry);
      }
    }
    if (this.due.size > 0) this.parts.wake();
  }
}

function keyOf({ session, request }: { session: string; request: number }): string {
  return `${session} ${request}`;
}

export const unknown: Outcome = {
  ok: false,
  code: 'outcome-unknown',
  text:
    'This was sent to another node of the server, which can’t say whether it was done. ' +
    'Check the outcome in your application before you send it again.',
};
