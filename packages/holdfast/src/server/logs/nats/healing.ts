import { setTimeout as wait } from 'node:timers/promises';
import { isRefusal } from './failures.ts';

/** Who could not ask for the newest messages does not know what it has missed. */
const RETRY_MS = 1_000;

/**
 * Sees to it that followers know of what was sent while nobody could hear it: after each reason to doubt that, and
 * again until it was done (SPEC HUB-8).
 */
export class Healing {
  /** `again`: there was another reason meanwhile, or it failed. */
  private state: 'idle' | 'under-way' | 'again' = 'idle';
  private readonly heal: () => Promise<void>;

  constructor(heal: () => Promise<void>) {
    this.heal = heal;
  }

  want(): void {
    if (this.state === 'idle') void this.run();
    else this.state = 'again';
  }

  private async run(): Promise<void> {
    do {
      this.state = 'under-way';
      try {
        await this.heal();
      } catch (error) {
        // The log was closed, or NATS says no.
        if (isRefusal(error)) break;
        this.state = 'again';
        await wait(RETRY_MS);
      }
    } while (this.state === 'again');
    this.state = 'idle';
  }
}
