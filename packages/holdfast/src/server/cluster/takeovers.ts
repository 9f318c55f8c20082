import type { Session, Sessions } from '../sessions.ts';
import { LIST_MAX, type NodeMessage } from './node-messages.ts';
import { Telling, type Fact, type Run } from './telling.ts';

/** On the wire between nodes: a session, and the client's number of the connection that resumed it. */
type Takeover = [session: string, connection: number];

interface TakeoverParts {
  node: string;
  sessions: Sessions;
  /** A session went to another node, to a connection of this number; it may have been without one for a while. */
  moved: (session: string, number: number) => void;
  wake: () => void;
  send: (run: Run<Takeover>) => void;
}

/** One connection for each session, over all nodes: the one that the client made last (SPEC CLUSTER-3). */
export class Takeovers {
  readonly telling: Telling<Takeover>;
  private readonly parts: TakeoverParts;

  constructor(parts: TakeoverParts) {
    this.parts = parts;
    this.telling = new Telling(LIST_MAX, (after) => this.factsAfter(after), parts.send);
  }

  /** A session was resumed here: whoever else has it must hear of that. */
  tell(session: Session): void {
    session.takenOverAt = this.telling.tell([session.id, session.connectionNumber]);
    this.parts.wake();
  }

  handle({ facts, from }: NodeMessage<'takeovers'>): void {
    for (const [session, number] of facts) {
      this.parts.moved(session, number);
      this.fence(session, number, from);
    }
  }

  /** Another node has the session on a connection of this number. */
  fence(id: string, number: number, node: string): void {
    const session = this.parts.sessions.get(id);
    if (!session?.connection || session.connection.isClosed) return;
    const { connectionNumber: own, connection } = session;
    // A number that is there twice is a client's fault; all nodes must agree on which of the two stays.
    const isLater = number > own || (number === own && node > this.parts.node);
    if (!isLater) return this.tell(session);
    const text = 'Another connection took this session over, on another node.';
    connection.close('superseded', text);
  }

  /** Sessions know their own facts, so that being repeatable costs each but a number. */
  private factsAfter(after: number): Fact<Takeover>[] {
    const facts: Fact<Takeover>[] = [];
    for (const { id, connection, connectionNumber, takenOverAt } of this.parts.sessions.values()) {
      if (connection && takenOverAt > after)
        facts.push({ number: takenOverAt, fact: [id, connectionNumber] });
    }
    return facts;
  }
}
