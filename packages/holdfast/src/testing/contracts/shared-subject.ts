import type { MessageLog } from '../../server/message-log.ts';
import { LogSubject, type SubjectSettings } from './log-subject.ts';

/** Where a log keeps what it knows, apart from the nodes that use it. */
export interface SharedStore {
  /** Another node's log on this store; nobody has opened it yet. */
  log(): MessageLog | Promise<MessageLog>;
  /** Called once, when all logs are closed. */
  destroy(): Promise<void> | void;
}

/** A store under test, and the nodes that were opened on it. */
export class SharedSubject {
  private readonly store: SharedStore;
  private readonly settings: SubjectSettings;
  private readonly nodes = new Set<LogSubject>();

  constructor(store: SharedStore, settings: SubjectSettings) {
    this.store = store;
    this.settings = settings;
  }

  async open(): Promise<LogSubject> {
    const node = await LogSubject.open(await this.store.log(), this.settings);
    this.nodes.add(node);
    return node;
  }

  /** Opens them one after the other; those that must come at once are opened with `Promise.all`. */
  async openAll<const Count extends 2 | 3>(count: Count): Promise<Nodes<Count>> {
    const nodes: LogSubject[] = [];
    while (nodes.length < count) nodes.push(await this.open());
    return nodes as unknown as Nodes<Count>;
  }

  async close(node: LogSubject): Promise<void> {
    this.nodes.delete(node);
    await node.log.close();
  }

  /** All nodes' clocks go on. */
  advance(ms: number): void {
    for (const node of this.nodes) node.nowMs += ms;
  }

  async end(): Promise<void> {
    for (const node of this.nodes) await node.log.close();
    await this.store.destroy();
  }
}

type Nodes<Count> = Count extends 2
  ? readonly [LogSubject, LogSubject]
  : readonly [LogSubject, LogSubject, LogSubject];
