/** Ports that stay free for the rest of the machine. */
const SHARE = 0.9;

/**
 * Hands out the address that a connection leaves from. One address has only so many ports towards one server, so
 * past that the next one is taken. For a server on loopback every address of 127.0.0.0/8 is at hand (RFC 1122,
 * 3.2.1.3); elsewhere they are the ones that the user named.
 */
export class SourceAddresses {
  readonly #addresses: readonly (string | undefined)[];
  readonly #perAddress: number;
  readonly #held = new Map<string | undefined, number>();
  readonly #exhausted = new Set<string | undefined>();

  constructor(given: readonly string[], target: string, portsPerAddress: number, connections: number) {
    this.#perAddress = Math.max(1, Math.floor(portsPerAddress * SHARE));
    const needed = Math.min(250, Math.ceil(connections / this.#perAddress));
    if (given.length > 0) this.#addresses = given;
    else if (target.startsWith('127.') && needed > 1) {
      // 127.0.0.1 first, then the neighbours.
      this.#addresses = Array.from({ length: needed + 1 }, (_, i) => `127.0.0.${i + 1}`);
    } else this.#addresses = [undefined];
  }

  get count(): number {
    return this.#addresses.length;
  }

  /** The first that has room; the last one when none has. `undefined` leaves the choice to the system. */
  take(): string | undefined {
    const held = (address: string | undefined): number => this.#held.get(address) ?? 0;
    const hasRoom = (address: string | undefined): boolean =>
      !this.#exhausted.has(address) && held(address) < this.#perAddress;
    const first = this.#addresses.find(hasRoom) ?? this.#addresses.at(-1);
    this.#held.set(first, held(first) + 1);
    return first;
  }

  giveBack(address: string | undefined): void {
    this.#held.set(address, Math.max(0, (this.#held.get(address) ?? 0) - 1));
  }

  /** The system found no free port there (EADDRNOTAVAIL): others hold them, or they wait out their end. */
  noteExhausted(address: string | undefined): void {
    if (this.#exhausted.size < this.#addresses.length - 1) this.#exhausted.add(address);
  }
}
