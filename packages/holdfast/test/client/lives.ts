import type { Client } from '../../src/client/client.ts';
import type { ClientOptions } from '../../src/client/options.ts';
import { Bed, memoryStorage, URL } from './bed.ts';

/** A bed whose client dies without a word, like a page that is reloaded. */
export class Lives extends Bed {
  readonly storage;

  constructor(storage = memoryStorage(), options: ClientOptions = {}) {
    super({ storage, storageKey: 'me', ...options });
    this.storage = storage;
  }

  die(): void {
    this.process.clock.end();
    for (const connection of this.testbed.network.of(this.name)) connection.cut();
  }

  next(options: ClientOptions = {}): Client {
    return this.testbed.client(URL, { storage: this.storage, storageKey: 'me', ...options }).client;
  }
}
