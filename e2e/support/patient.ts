import type { ChaosProxy } from '@holdfast/chaos';
import { connect, type Client } from 'holdfast/client';
import type { HoldfastServer, SessionHandle, Verdict } from 'holdfast/server';
import { expect, onTestFinished, vi } from 'vitest';
import { becomes, patient as patience } from './ledger.ts';

export type Kind =
  | 'idle'
  | 'age'
  | 'half-open'
  | 'network-lost'
  | 'cut'
  | 'moved'
  | 'client-closed'
  | 'server-closed'
  | 'superseded'
  | 'auth-expired';

/** What a drop of each kind is rightly called; a cut that nothing announces has no name. */
export const rightly: Readonly<Record<Kind, Verdict['id']>> = {
  idle: 'idle-cut-by-intermediary',
  age: 'lifetime-cut-by-intermediary',
  'half-open': 'half-open',
  'network-lost': 'network-lost',
  cut: 'unknown',
  moved: 'client-closed',
  'client-closed': 'client-closed',
  'server-closed': 'server-closed',
  superseded: 'superseded',
  'auth-expired': 'auth-expired',
};

export interface Outcome {
  readonly kind: Kind;
  readonly verdict: Verdict;
}

/** The ways to the server: one that cuts what is silent, one that cuts what is old, and two without a fault. */
export interface Ways {
  readonly idle: ChaosProxy;
  readonly age: ChaosProxy;
  readonly own: readonly [ChaosProxy, ChaosProxy];
}

/** A token that is as good as expired is waited for until half a minute after its time: a second is left of that. */
export const expiring = '~';
export const expiringSinceMs = 29_000;

/** A client that loses its connection in one way after another, under a name of its own. */
export class Patient {
  readonly outcomes: Outcome[] = [];
  private readonly verdicts: Verdict[] = [];
  private seen = 0;
  private session: SessionHandle | undefined;
  private connections = 0;
  private welcomes = 0;
  private client!: Client;
  private items = new Map<string, string>();
  private way: ChaosProxy;
  private wantsExpiry = false;
  /** Whether the present connection was dialled with such a token. */
  private isExpiring = false;
  private readonly name: string;
  private readonly ways: Ways;
  private readonly random: () => number;

  constructor(name: string, server: HoldfastServer, ways: Ways, random: () => number) {
    this.name = name;
    this.ways = ways;
    this.random = random;
    this.way = ways.own[0];
    server.on('explained', ({ session, cause }) => {
      if (session.identity.id === name) this.verdicts.push(cause);
    });
    server.on('connect', ({ session }) => {
      if (session.identity.id !== name) return;
      this.session = session;
      this.connections++;
      this.welcomes++;
    });
    server.on('disconnect', ({ session }) => {
      if (session.identity.id === name) this.connections--;
    });
  }

  /** Takes kinds from the queue until it is empty. */
  async suffer(queue: Kind[]): Promise<void> {
    let kind = queue.pop();
    this.prepare(kind);
    this.open();
    while (kind) {
      await becomes(this.client, 'live');
      if (!this.isReadyFor(kind)) await this.lose('moved', kind);
      const next = queue.pop();
      await this.lose(kind, next);
      kind = next;
    }
  }

  private async lose(kind: Kind, next: Kind | undefined): Promise<void> {
    const talking = kind === 'age' ? setInterval(() => this.say(), 150 + 200 * this.random()) : undefined;
    // Silences begin at any age.
    if (kind === 'idle') setTimeout(() => this.say(), 600 * this.random());
    if (kind !== 'network-lost') this.prepare(next);
    const { welcomes } = this;
    try {
      await this.bringAbout(kind);
      await vi.waitFor(() => expect(this.verdicts.length, kind).toBeGreaterThan(this.seen), patience);
    } finally {
      clearInterval(talking);
    }
    this.outcomes.push({ kind, verdict: this.verdicts[this.seen++]! });
    // Some verdicts are there before the client knows that its connection has ended.
    await vi.waitFor(() => expect(this.welcomes, kind).toBeGreaterThan(welcomes), patience);
    await becomes(this.client, 'live');
    expect(this.verdicts.length, `one verdict for one ${kind}`).toBe(this.seen);
  }

  private async bringAbout(kind: Kind): Promise<void> {
    const { client } = this;
    const present = this.present!;
    switch (kind) {
      case 'idle':
      case 'age':
      case 'auth-expired':
        return;
      case 'half-open':
        await present.set({ blackHole: 'both' });
        this.publish();
        await vi.waitFor(() => expect(this.verdicts.length).toBeGreaterThan(this.seen), patience);
        return present.clear();
      case 'network-lost':
        await present.set({ blackHole: 'both' });
        this.say();
        // The server has given it up; what it had sent before is lost for good.
        await vi.waitFor(() => expect(this.connections).toBe(0), patience);
        present.cut();
        return present.clear();
      case 'cut':
        await new Promise((resolve) => setTimeout(resolve, 1_200 * this.random()));
        return present.cut();
      case 'moved':
        return client.reconnect();
      case 'client-closed':
        client.close();
        this.items = new Map();
        return this.open();
      case 'server-closed':
        this.session!.close('Enough.');
        await becomes(client, 'failed');
        this.items = new Map();
        return this.open();
      case 'superseded':
        await client.publish('news', 0);
        this.open();
        return becomes(client, 'failed');
    }
  }

  /** Something of which nobody waits for an answer. */
  private say(): void {
    this.client.signal('news', 0);
  }

  /** Something that wants an answer, so that a dead connection is noticed. */
  private publish(): void {
    this.client.publish('news', 0).catch(() => {});
  }

  private wayFor(kind: Kind | undefined): ChaosProxy {
    const { idle, age, own } = this.ways;
    if (kind === 'idle') return idle;
    if (kind === 'age') return age;
    // Never the one that a connection is dead on.
    return this.present === own[0] ? own[1] : own[0];
  }

  /** Makes the next dial lead to a connection on which a drop of this kind can be brought about. */
  private prepare(kind: Kind | undefined): void {
    this.way = this.wayFor(kind);
    this.wantsExpiry = kind === 'auth-expired';
  }

  private isReadyFor(kind: Kind): boolean {
    const { present, ways } = this;
    const hasWay = kind === 'idle' || kind === 'age' ? present === ways[kind] : ways.own.includes(present!);
    return hasWay && this.isExpiring === (kind === 'auth-expired');
  }

  /** The way of the present connection. */
  private get present(): ChaosProxy | undefined {
    const { idle, age, own } = this.ways;
    return [idle, age, ...own].find((way) => way.url('ws') === this.client?.status.endpoint);
  }

  private open(): void {
    const storage = {
      getItem: (key: string) => this.items.get(key) ?? null,
      setItem: (key: string, value: string) => void this.items.set(key, value),
    };
    const token = async (): Promise<string> => {
      // Asked while it is connected, it has none.
      if (this.client?.status.phase === 'live') throw new Error('The issuer is out of order.');
      this.isExpiring = this.wantsExpiry;
      return this.name + (this.wantsExpiry ? expiring : '');
    };
    const client = connect(() => this.way.url('ws'), { storage, token, backoff: { baseMs: 50, capMs: 300 } });
    this.client = client;
    onTestFinished(() => client.close());
  }
}
