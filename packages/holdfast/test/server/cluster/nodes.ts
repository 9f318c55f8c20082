import {
  decodeNodeMessage,
  encodeNodeMessage,
  type NodeMessage,
} from '../../../src/server/cluster/node-messages.ts';
import type { ServerOptions } from '../../../src/server/create-server.ts';
import { memoryLog } from '../../../src/server/logs/memory.ts';
import type { LogConfig, MessageLog } from '../../../src/server/message-log.ts';
import { startServer, type Server } from '../fixture.ts';

export interface TestNode {
  server: Server;
  port: number;
  /** The process is gone: nothing of it reaches the others any more. */
  die(): void;
}

/** What nodes say to each other. */
export class Wire {
  readonly said: NodeMessage[] = [];
  private readonly nodes = new Map<MessageLog, (message: Uint8Array) => void>();
  private readonly waiting = new Set<() => void>();
  /** Which messages get lost. */
  loses: (message: NodeMessage) => boolean = () => false;

  /** One log in memory for several servers of this process, each with its own end of it. */
  end(log: MessageLog, opened: { promise?: Promise<void> }): MessageLog {
    const end: MessageLog = {
      open: (config: LogConfig) => {
        this.nodes.set(end, config.heard);
        return (opened.promise ??= log.open({ ...config, heard: () => {} }));
      },
      broadcast: (message) => this.broadcast(end, message),
      append: (...args) => log.append(...args),
      read: (...args) => log.read(...args),
      top: (...args) => log.top(...args),
      before: (...args) => log.before(...args),
      follow: (...args) => log.follow(...args),
      trim: () => log.trim(),
      key: () => log.key(),
      close: async () => this.cut(end),
    };
    return end;
  }

  cut(end: MessageLog): void {
    this.nodes.delete(end);
  }

  /** Something that is no node's own word. */
  inject(bytes: Uint8Array): void {
    for (const heard of this.nodes.values()) heard(bytes.slice());
  }

  /** Waits until somebody has said this. */
  async heard<T>(find: (said: readonly NodeMessage[]) => T | undefined | false): Promise<T> {
    for (;;) {
      const found = find(this.said);
      if (found !== undefined && found !== false) return found;
      await new Promise<void>((resolve) => this.waiting.add(resolve));
    }
  }

  private broadcast(from: MessageLog, given: Uint8Array): void {
    if (!this.nodes.has(from)) return;
    const { message } = decodeNodeMessage(given)!;
    // Each is as if on a machine of its own: none that dies here ends its process.
    const bytes = message.kind === 'beat' ? encodeNodeMessage({ ...message, process: '' }) : given;
    this.said.push(message);
    if (!this.loses(message)) {
      for (const [end, heard] of this.nodes) if (end !== from) setImmediate(heard, bytes.slice());
    }
    // After those that hear it have.
    const waiting = [...this.waiting];
    this.waiting.clear();
    setTimeout(() => waiting.forEach((resolve) => resolve()), 1);
  }
}

/** Nodes on one log, which beat twenty times a second and know each other. */
export async function startNodes(
  count: number,
  options: ServerOptions = {},
): Promise<{ nodes: TestNode[]; wire: Wire }> {
  const wire = new Wire();
  const nodes: TestNode[] = [];
  const start = nodeStarter(wire, options);
  for (let i = 0; i < count; i++) nodes.push(await start());
  await until(wire, () => nodes.every(({ server }) => server.clusterStats().nodes.length === count));
  return { nodes, wire };
}

export function nodeStarter(wire: Wire, options: ServerOptions): () => Promise<TestNode> {
  const log = memoryLog();
  const opened = {};
  return async () => {
    const end = wire.end(log, opened);
    const limits = { nodeBeatMs: 50, ...options.limits };
    const { server, port } = await startServer({ ...options, log: end, limits });
    return { server, port, die: () => wire.cut(end) };
  };
}

/** Waits for a state of the nodes, which changes only by what they say to each other. */
export function until(wire: Wire, condition: () => boolean): Promise<boolean> {
  return wire.heard(() => condition() || undefined);
}
