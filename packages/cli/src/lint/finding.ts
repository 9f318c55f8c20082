import { ruleById, type CatalogueEntry, type RuleId } from '../facts/rules/catalogue.ts';
import type { Place, Position } from './source-file.ts';

/** What the user knows about the deployment, and no configuration says. */
export interface LintContext {
  /** The interval of the heartbeat; without it, a socket may be silent for ever. */
  readonly heartbeatMs?: number;
  /** Sockets to be held at the same time. */
  readonly connections?: number;
  /** The path at which clients open the WebSocket. */
  readonly path?: string;
  /** The version of the proxy, where a default has changed. */
  readonly productVersion?: string;
  /** Processors of the machine, for "auto". */
  readonly cores: number;
}

/** A change of a file's text that mends a finding without changing what else the file does. */
export interface Edit {
  readonly place: Place;
  readonly text: string;
}

export interface Finding extends Position {
  readonly rule: CatalogueEntry;
  readonly path: string;
  /** The fault in this very place. */
  readonly message: string;
  readonly endLine: number;
  readonly endColumn: number;
  readonly edits: readonly Edit[];
}

/** What one product's checks hand back. */
export interface Checked {
  readonly findings: readonly Finding[];
  /** How many places could carry a WebSocket; with none there was nothing to judge. */
  readonly routes: number;
}

/** Collects findings; the same rule is told once per place. */
export class Findings {
  readonly list: Finding[] = [];
  readonly #seen = new Set<string>();

  add(id: RuleId, place: Place, message: string, edits: readonly Edit[] = []): void {
    const { source, start, end } = place;
    const key = `${id} ${source.path} ${start}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    const { line: endLine, column: endColumn } = source.positionAt(end);
    const rule = ruleById(id);
    this.list.push({
      rule,
      path: source.path,
      ...source.positionAt(start),
      endLine,
      endColumn,
      message,
      edits,
    });
  }
}
