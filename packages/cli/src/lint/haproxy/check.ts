import { Findings, type Checked, type LintContext } from '../finding.ts';
import type { SourceFile } from '../source-file.ts';
import { checkAnswers } from './check-answers.ts';
import { checkCapacity } from './check-capacity.ts';
import { checkTimeouts } from './check-timeouts.ts';
import { parseHaproxy } from './parse.ts';
import { webSocketWays } from './routes.ts';

/** Checks one configuration of HAProxy. Throws an InputError. */
export function checkHaproxy(source: SourceFile, context: LintContext): Checked {
  const sections = parseHaproxy(source);
  const findings = new Findings();
  const ways = webSocketWays(sections, context);
  const global = sections.find(({ kind }) => kind === 'global');
  for (const way of ways) {
    checkTimeouts(way, context, findings);
    checkAnswers(way, global, context, findings);
  }
  if (ways.length > 0) checkCapacity(ways, global, context, findings);
  return { findings: findings.list, routes: ways.length };
}
