import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** How often, and how far apart, a port is asked for again that someone else took while it was closed. */
const reopenAttemptsMax = 100;
const reopenPauseMs = 50;

/** Connections the system may queue before they are accepted; Node's own default (511) drops some of a storm. */
const backlog = 4096;

/** A listening port that can be closed, so that connects are refused, and opened again with the same number. */
export class Listener {
  readonly #host: string;
  readonly #handleSocket: (client: Socket) => void;
  #port: number;
  #server: Server | undefined;
  #isWanted = true;
  #settled: Promise<void> = Promise.resolve();

  constructor(host: string, port: number, handleSocket: (client: Socket) => void) {
    this.#host = host;
    this.#port = port;
    this.#handleSocket = handleSocket;
  }

  get port(): number {
    return this.#port;
  }

  /** The first time: fails at once if the port is taken. */
  async open(): Promise<void> {
    this.#server = await this.#listen();
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /**
   * Closing takes effect before anything else can connect, opening when the promise resolves.
   *
   * @throws what `listen` threw, when the port stayed taken for five seconds.
   */
  want(isOpen: boolean): Promise<void> {
    this.#isWanted = isOpen;
    // One after the other, so that quick changes can't open two servers.
    this.#settled = this.#settled.catch(() => undefined).then(() => this.#settle());
    return this.#settled;
  }

  async #settle(): Promise<void> {
    for (let attempt = 1; this.#isWanted && !this.#server; attempt += 1) {
      try {
        this.#server = await this.#listen();
      } catch (error) {
        // The system may have lent the port to an outgoing connection meanwhile: it usually comes back soon.
        if (attempt === reopenAttemptsMax) throw error;
        await sleep(reopenPauseMs);
      }
    }
    if (this.#isWanted) return;
    this.#server?.close();
    this.#server = undefined;
  }

  #listen(): Promise<Server> {
    return new Promise((resolve, reject) => {
      const server = createServer({ allowHalfOpen: true }, this.#handleSocket);
      server.once('error', reject);
      server.listen({ host: this.#host, port: this.#port, backlog }, () => {
        server.off('error', reject);
        // A client that could not be accepted has lost its connection, which is no reason to end the process.
        server.on('error', () => undefined);
        resolve(server);
      });
    });
  }
}
