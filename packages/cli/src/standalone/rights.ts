import type { Action, Identity } from 'holdfast/server';
import type { Configuration } from './configuration.ts';

/** Patterns by action: a topic's name, or its beginning and a `*`. */
type Rights = Readonly<Partial<Record<Action, readonly string[]>>>;

/** Says what the configuration and a token's claims allow. */
export class RightsTable {
  private readonly everybody: Rights;
  private readonly claim: string;

  constructor(configuration: Configuration) {
    this.claim = configuration.text('jwt.rightsClaim') ?? 'holdfast';
    this.everybody = {
      subscribe: configuration.texts('rights.subscribe') ?? [],
      publish: configuration.texts('rights.publish') ?? [],
      signal: configuration.texts('rights.signal') ?? [],
    };
  }

  allows({ claims }: Identity, action: Action, name: string): boolean {
    const own = (claims as Record<string, unknown> | undefined)?.[this.claim];
    return matches(this.everybody[action], name) || matches((own as Rights | undefined)?.[action], name);
  }
}

/** Claims come from whoever signs tokens: anything that is no list of texts allows nothing. */
function matches(patterns: unknown, name: string): boolean {
  if (!Array.isArray(patterns)) return false;
  return patterns.some(
    (pattern) =>
      typeof pattern === 'string' &&
      (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern),
  );
}
