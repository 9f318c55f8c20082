import { Line } from './line.ts';
import { openChannel, tunnelName, type RoomMessage, type TunnelMessage } from './messages.ts';

/** What a leader does: it holds the shared connections, and passes on what goes through the tabs' tunnels. */
export class Relay {
  readonly #leader: string;
  readonly #lines = new Set<Line>();
  readonly #watched = new Set<string>();
  readonly #whenTabEnds: (tab: string) => Promise<void>;

  constructor(leader: string, whenTabEnds: (tab: string) => Promise<void>) {
    this.#leader = leader;
    this.#whenTabEnds = whenTabEnds;
  }

  /** Opens a tunnel, over which the connection follows once the tab listens. */
  dial({ tab, client, tunnel, url }: RoomMessage & { type: 'dial' }): void {
    this.#lineFor(client, url).add(tab, client, openChannel<TunnelMessage>(tunnelName(tunnel, this.#leader)));
    void this.#watch(tab);
  }

  close(): void {
    for (const line of this.#lines) line.end(1006, 'The tab that held the connection has let go of it.');
  }

  /** The newest line without a channel of this client, which would want another beside its own (SPEC TAB-4). */
  #lineFor(client: string, url: string): Line {
    const lines = [...this.#lines].toReversed();
    const fit = lines.find((line) => line.url === url && line.isJoinable && !line.serves(client));
    if (fit) return fit;
    const line = new Line(url, (ended) => this.#lines.delete(ended));
    this.#lines.add(line);
    return line;
  }

  async #watch(tab: string): Promise<void> {
    if (this.#watched.has(tab)) return;
    this.#watched.add(tab);
    await this.#whenTabEnds(tab);
    this.#watched.delete(tab);
    for (const line of this.#lines) line.removeTab(tab);
  }
}
