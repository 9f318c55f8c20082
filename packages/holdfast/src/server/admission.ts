import type { EngineHost, Handshake } from './engine.ts';
import type { Node } from './node.ts';
import type { ResolvedOptions } from './options.ts';

/** Decides over upgrades, before anything of a connection is kept, and answers for the server's health. */
export class Admission {
  refused = 0;
  private readonly node: Node;
  private readonly origins: ReadonlySet<string> | undefined;

  constructor(node: Node, options: ResolvedOptions) {
    this.node = node;
    this.origins = options.origins && new Set(options.origins);
  }

  admit({ headers }: Handshake): ReturnType<EngineHost['admit']> {
    const refusal = this.refusalFor(headers.origin);
    if (refusal) this.refused++;
    return refusal;
  }

  private refusalFor(origin: string | string[] | undefined): ReturnType<EngineHost['admit']> {
    if (this.node.state !== 'open') {
      return {
        status: 503,
        text: 'This server is going away; another takes its place.',
        retryAfterSeconds: 2,
      };
    }
    // Only browsers send an Origin, and only they can be made to connect by a hostile page (CWE-1385).
    if (!this.origins || origin === undefined) return undefined;
    if (typeof origin === 'string' && this.origins.has(origin)) return undefined;
    return {
      status: 403,
      text: 'This origin may not connect; the server’s option "origins" lists those that may.',
    };
  }

  /** `/healthz`: the process works. `/readyz`: it takes new connections. */
  answer(url: string): { status: number; text: string } {
    const path = url.split('?', 1)[0];
    const { state, connections } = this.node;
    const text = JSON.stringify({ state, connections: connections.size });
    if (path === '/healthz') return { status: 200, text };
    if (path === '/readyz') return { status: state === 'open' ? 200 : 503, text };
    return {
      status: 426,
      text: JSON.stringify({ error: 'This is a WebSocket server; connect with a WebSocket client.' }),
    };
  }
}
