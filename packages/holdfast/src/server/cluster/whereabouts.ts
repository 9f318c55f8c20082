/**
 * Which node a session's retried requests must be asked about. Kept only where a session came from another node or
 * had a request handed over, and until its client has confirmed those requests or its resume token is void.
 */
interface Trail {
  /** The node that requests up to `through` were sent to before the session came here. */
  origin: Waypoint | undefined;
  /** The node that was told that requests up to `through`, unless known here, did not run and never will. */
  heir: Waypoint | undefined;
  touchedAtMs: number;
}

export interface Waypoint {
  readonly node: string;
  readonly through: number;
}

/** Trails kept: whoever comes with more gets `outcome-unknown`, which is always true. */
const TRAILS_MAX = 100_000;

export class Whereabouts {
  private readonly trails = new Map<string, Trail>();
  private readonly keptMs: number;

  constructor(keptMs: number) {
    this.keptMs = keptMs;
  }

  /** A session came from another node; false when that can't be kept, so that its requests must not be taken. */
  cameFrom(session: string, origin: Waypoint, nowMs: number): boolean {
    const trail = this.trailOf(session, nowMs);
    if (!trail) return false;
    trail.origin = origin;
    // Where it was since then is for that node to know: its own origin bounds what it may hand over.
    trail.heir = undefined;
    return true;
  }

  /** Where to ask about a request that this node has not seen; undefined when it was sent to nobody before. */
  of(session: string, request: number): Waypoint | undefined {
    const trail = this.trails.get(session);
    if (!trail) return undefined;
    const { heir, origin } = trail;
    if (heir && request <= heir.through) return heir;
    if (origin && request <= origin.through) return origin;
    return undefined;
  }

  /**
   * Hands over what this node has not seen: it will not run it any more. False when it may have run elsewhere, so
   * that nobody can say (SPEC CLUSTER-6).
   */
  handOver(session: string, request: number, heir: Waypoint, nowMs: number): boolean {
    const known = this.trails.get(session);
    if (known?.origin && request <= known.origin.through) return false;
    if (known?.heir && known.heir.node !== heir.node) return false;
    const trail = this.trailOf(session, nowMs);
    if (!trail) return false;
    trail.heir = { node: heir.node, through: Math.max(heir.through, trail.heir?.through ?? 0) };
    return true;
  }

  /** The client has the outcomes of all requests below this one. */
  finish(session: string, below: number): void {
    const trail = this.trails.get(session);
    if (!trail) return;
    if (trail.origin && trail.origin.through < below) trail.origin = undefined;
    if (trail.heir && trail.heir.through < below) trail.heir = undefined;
    if (!trail.origin && !trail.heir) this.trails.delete(session);
  }

  expire(nowMs: number, isHere: (session: string) => boolean): void {
    for (const [session, trail] of this.trails) {
      if (isHere(session)) trail.touchedAtMs = nowMs;
      else if (nowMs - trail.touchedAtMs > this.keptMs) this.trails.delete(session);
    }
  }

  private trailOf(session: string, nowMs: number): Trail | undefined {
    let trail = this.trails.get(session);
    if (!trail) {
      if (this.trails.size >= TRAILS_MAX) return undefined;
      trail = { origin: undefined, heir: undefined, touchedAtMs: nowMs };
      this.trails.set(session, trail);
    }
    trail.touchedAtMs = nowMs;
    return trail;
  }
}
