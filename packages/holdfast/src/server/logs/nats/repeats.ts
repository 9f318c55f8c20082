/** What one session has published through this node. */
interface Published {
  highest: number;
  /** Sequence to where it is, for the newest of them. */
  places: Map<number, Place>;
  usedAtMs: number;
}

export interface Place {
  offset: number;
  previous: number;
}

/** Sessions whose highest sequence is remembered; of others the stream is asked. */
const SESSIONS_MAX = 50_000;
/** Of all sessions together: some 50 MB. */
const PLACES_MAX = 500_000;

/**
 * This node's own memory of what sessions have published: it answers most repeats, and tells which sequences are new
 * without asking. What it doesn't know the stream does.
 */
export class Repeats {
  /** The first is the one unused longest. */
  private readonly sessions = new Map<string, Published>();
  private count = 0;
  private readonly placesMax: number;
  private readonly ttlMs: number;
  private readonly allPlacesMax: number;

  constructor(placesMax: number, ttlMs: number, allPlacesMax = PLACES_MAX) {
    this.placesMax = placesMax;
    this.ttlMs = ttlMs;
    this.allPlacesMax = allPlacesMax;
  }

  find(session: string, sequence: number): Place | undefined {
    return this.sessions.get(session)?.places.get(sequence);
  }

  /** The highest sequence that this node knows to be settled. */
  highestOf(session: string): number | undefined {
    return this.sessions.get(session)?.highest;
  }

  remember(session: string, sequence: number, place: Place, nowMs: number): void {
    const published = this.sessions.get(session) ?? {
      highest: 0,
      places: new Map<number, Place>(),
      usedAtMs: 0,
    };
    if (!published.places.has(sequence)) this.count++;
    published.places.set(sequence, place);
    if (published.places.size > this.placesMax) {
      published.places.delete(published.places.keys().next().value!);
      this.count--;
    }
    published.highest = Math.max(published.highest, sequence);
    published.usedAtMs = nowMs;
    // Moved to the end, so that the first is the one unused longest.
    this.sessions.delete(session);
    this.sessions.set(session, published);
    while (this.sessions.size > SESSIONS_MAX || this.count > this.allPlacesMax) this.dropFirst();
  }

  expire(nowMs: number): void {
    for (const { places, usedAtMs } of this.sessions.values()) {
      if (nowMs - usedAtMs <= this.ttlMs) return;
      this.count -= places.size;
      places.clear();
    }
  }

  private dropFirst(): void {
    const [session, { places }] = this.sessions.entries().next().value!;
    this.count -= places.size;
    this.sessions.delete(session);
  }

  forget(): void {
    this.sessions.clear();
    this.count = 0;
  }
}
