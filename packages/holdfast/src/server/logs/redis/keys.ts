export interface Probe {
  key: string;
  channel: string;
}

/**
 * The names of keys and channels. What one script touches shares the hash tag `{topic}`, so that it is in one slot
 * of a cluster. There a session's sequences are counted for each topic apart; elsewhere over all of them.
 */
export class Keys {
  readonly deployment: string;
  /** What nodes broadcast. */
  readonly nodes: string;
  private readonly prefix: string;
  private readonly channels: string;
  private readonly clustered: boolean;

  constructor(prefix: string, database: number, clustered: boolean) {
    this.prefix = prefix;
    // Redis keeps the keys of its databases apart, but not their channels.
    this.channels = database === 0 ? prefix : `${prefix}@${database}`;
    this.clustered = clustered;
    this.deployment = `${prefix}:deployment`;
    this.nodes = `${this.channels}:nodes`;
  }

  topic(name: string): [state: string, messages: string] {
    const tag = tagOf(name);
    return [`${this.prefix}:${tag}:state`, `${this.prefix}:${tag}:messages`];
  }

  dedup(topic: string, session: string): string {
    if (this.clustered) return this.dedupOfTopic(topic, session);
    return `${this.prefix}:dedup:${session}`;
  }

  dedupOfTopic(topic: string, session: string): string {
    return `${this.prefix}:${tagOf(topic)}:dedup:${session}`;
  }

  channel(topic: string): string {
    return `${this.channels}:${tagOf(topic)}:live`;
  }

  /** What one node probes its own connections with; `n` finds one on the shard in question. */
  probe(node: string, n: number): Probe {
    const name = `{${n}}:probe:${node}`;
    return { key: `${this.prefix}:${name}`, channel: `${this.channels}:${name}` };
  }
}

/** A tag ends at the first brace, so names have none in it; a letter before the name, because an empty tag is none. */
function tagOf(name: string): string {
  return `{t${name.replace(/[%{}]/g, (brace) => `%${brace.charCodeAt(0).toString(16)}`)}}`;
}
