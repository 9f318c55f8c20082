import {
  wrongPathText,
  type EngineHost,
  type EngineSocket,
  type Handshake,
  type HttpAnswer,
  type SocketHandler,
} from '../engine.ts';
import type { Node } from '../node.ts';
import type { ResolvedOptions } from '../options.ts';
import { ClientAddress } from './client-address.ts';
import { Tally } from './tally.ts';
import { FULL_RETRY_MS, TurnedAway, type Refusal } from './turned-away.ts';

type HttpRefusal = ReturnType<EngineHost['admit']>;

/** A page of another origin may not read an answer, nor its Retry-After, that does not say so (Fetch §3.3, SPEC RET-6). */
const readable = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'retry-after',
};

const DRAIN_RETRY_SECONDS = 1;
const CUT_OFF_RETRY_SECONDS = 5;

/**
 * Decides over upgrades, before anything of a connection is kept, and answers for the server's health. Those that
 * it has no room for are told so in a way that a browser can read, while there is room for that (SPEC ADM-3).
 */
export class Admission {
  refused = 0;
  private turnedAway = 0;
  private readonly node: Node;
  private readonly origins: ReadonlySet<string> | undefined;
  private readonly path: string | undefined;
  private readonly addresses: ClientAddress;
  private readonly perAddress = new Tally();

  constructor(node: Node, { origins, path, trustedProxies, forwardedHeader }: ResolvedOptions) {
    this.node = node;
    this.path = path;
    this.origins = origins && new Set(origins);
    this.addresses = new ClientAddress(trustedProxies, forwardedHeader);
  }

  /** The refusals that are no more than an HTTP status. */
  admit({ headers }: Handshake): HttpRefusal {
    const { pacer, clock } = this.node;
    const refusal = this.unavailable(() => pacer.book(clock.nowMs())) ?? this.foreign(headers.origin);
    if (refusal) this.refused++;
    return refusal;
  }

  private unavailable(waitMs: () => number): HttpRefusal {
    if (this.node.state !== 'open') {
      const text = 'This server is going away; another takes its place.';
      return { status: 503, text, retryAfterSeconds: DRAIN_RETRY_SECONDS };
    }
    if (this.node.cutOff.sendsAway) {
      const text = 'This node can’t reach its log; others may.';
      return { status: 503, text, retryAfterSeconds: CUT_OFF_RETRY_SECONDS };
    }
    if (this.turnedAway < this.node.guard.turnedAwayMax) return undefined;
    const retryAfterSeconds = Math.ceil(waitMs() / 1_000);
    const text = `This server is overloaded. Come back in ${retryAfterSeconds} s.`;
    return { status: 503, text, retryAfterSeconds };
  }

  private foreign(origin: string | string[] | undefined): HttpRefusal {
    // Only browsers send an Origin, and only they can be made to connect by a hostile page (CWE-1385).
    if (!this.origins || origin === undefined) return undefined;
    if (typeof origin === 'string' && this.origins.has(origin)) return undefined;
    const text = 'This origin may not connect; the server’s option "origins" lists those that may.';
    return { status: 403, text };
  }

  /** Takes an upgraded connection in, or sends it away with its own slot. */
  open(socket: EngineSocket, given: Handshake): SocketHandler {
    const address = this.addresses.of(given);
    const key = this.addresses.keyOf(address);
    const refusal = this.refusalFor(key);
    if (refusal) return this.turnAway(socket, refusal);
    const handshake = address === given.address ? given : { ...given, address };
    const connection = this.node.accept(socket, handshake);
    if (key !== undefined) {
      this.perAddress.add(key);
      connection.whenClosed = () => this.perAddress.remove(key);
    }
    return connection;
  }

  private refusalFor(key: string | undefined): Refusal | undefined {
    const { pacer, clock, limits } = this.node;
    const { connectionsPerAddressMax } = limits;
    if (key !== undefined && this.perAddress.of(key) >= connectionsPerAddressMax) {
      const text = `${connectionsPerAddressMax} connections come from your address, the limit.`;
      return { text, delayMs: pacer.unbooked(FULL_RETRY_MS) };
    }
    const nowMs = clock.nowMs();
    const full = this.fullText();
    if (full) return { text: full, delayMs: pacer.book(nowMs, FULL_RETRY_MS) };
    if (pacer.admit(nowMs)) return undefined;
    return { text: 'More connections come than this server admits.', delayMs: pacer.book(nowMs) };
  }

  private fullText(): string | undefined {
    const { connections, guard, limits } = this.node;
    const { connectionsMax } = limits;
    if (connections.size < connectionsMax) return guard.shortage(connections.size);
    return `This server holds ${connectionsMax} connections, its limit.`;
  }

  private turnAway(socket: EngineSocket, refusal: Refusal): TurnedAway {
    this.refused++;
    this.turnedAway++;
    return new TurnedAway(socket, refusal, () => this.turnedAway--);
  }

  /** `/healthz`: the process works. `/readyz`: it takes new connections, and its log works (SPEC HUB-6). */
  answer(url: string, origin: string | undefined): HttpAnswer {
    const path = url.split('?', 1)[0];
    const { state, connections } = this.node;
    const health = { state, connections: connections.size };
    if (path === '/healthz') return json(200, health);
    if (path === '/readyz') {
      const reason = this.node.log.health?.();
      return reason ? json(503, { state, reason }) : json(state === 'open' ? 200 : 503, health);
    }
    const { status, text: error, retryAfterSeconds } = this.whyNot(path, origin);
    return json(
      status,
      { error },
      {
        ...readable,
        ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
        // RFC 9110 §15.5.22: a 426 says what to upgrade to.
        ...(status === 426 && { upgrade: 'websocket' }),
      },
    );
  }

  /** A client whose upgrade was refused asks by HTTP why (SPEC RET-5). */
  private whyNot(path: string | undefined, origin: string | undefined): NonNullable<HttpRefusal> {
    // Who only asks takes nobody's slot.
    const refusal = this.unavailable(() => this.node.pacer.unbooked(1_000));
    if (refusal) return refusal;
    if (this.path !== undefined && path !== this.path) return { status: 404, text: wrongPathText(this.path) };
    const text = 'This is a WebSocket server; connect with a WebSocket client.';
    return this.foreign(origin) ?? { status: 426, text };
  }
}

function json(status: number, body: object, headers: Record<string, string> = {}): HttpAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, text: JSON.stringify(body) };
}
