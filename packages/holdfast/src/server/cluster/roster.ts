/** Somebody on a topic: one session, with its user's identity. */
export interface Present {
  readonly session: string;
  readonly user: string;
}

interface Entry {
  readonly present: Present;
  /** How many nodes have the session on the topic: two for a moment, while it moves. */
  holders: number;
}

/** Who is on which topic, over all nodes. */
export class Roster {
  private readonly topics = new Map<string, Map<string, Entry>>();
  private readonly changed: (topic: string, change: 'joined' | 'left', present: Present) => void;

  constructor(changed: (topic: string, change: 'joined' | 'left', present: Present) => void) {
    this.changed = changed;
  }

  add(topic: string, session: string, user: string): void {
    let entries = this.topics.get(topic);
    if (!entries) this.topics.set(topic, (entries = new Map()));
    const entry = entries.get(session);
    if (entry) {
      entry.holders++;
      return;
    }
    const present = { session, user };
    entries.set(session, { present, holders: 1 });
    this.changed(topic, 'joined', present);
  }

  remove(topic: string, session: string): void {
    const entries = this.topics.get(topic);
    const entry = entries?.get(session);
    if (!entries || !entry || --entry.holders > 0) return;
    entries.delete(session);
    if (entries.size === 0) this.topics.delete(topic);
    this.changed(topic, 'left', entry.present);
  }

  count(topic: string): number {
    return this.topics.get(topic)?.size ?? 0;
  }

  /** Those who came first, so many at most. */
  list(topic: string, countMax: number): Present[] {
    const list: Present[] = [];
    for (const { present } of this.topics.get(topic)?.values() ?? []) {
      if (list.length >= countMax) break;
      list.push(present);
    }
    return list;
  }
}
