import { Findings, type Checked, type LintContext } from '../finding.ts';
import type { Files } from '../files.ts';
import type { SourceFile } from '../source-file.ts';
import { checkAnswers, checkRedirects } from './check-answers.ts';
import { checkLimits, checkProcess } from './check-capacity.ts';
import { checkHandshakeHeaders, checkSubrequests } from './check-headers.ts';
import { checkRouteTimeouts, checkStreams } from './check-timeouts.ts';
import { readNginx } from './document.ts';
import { isPartlyUnread, webSocketRoutes } from './routes.ts';

/** Checks one configuration of nginx with all its includes. Throws an InputError. */
export function checkNginx(source: SourceFile, context: LintContext, files: Files): Checked {
  const document = readNginx(source, files);
  const findings = new Findings();
  const routes = webSocketRoutes(document, context);
  for (const route of routes) {
    if (!isPartlyUnread(route)) {
      checkHandshakeHeaders(document, route, context, findings);
      checkRouteTimeouts(route, context, findings);
    }
    checkLimits(document, route, findings);
    checkAnswers(route, context, findings);
  }
  checkRedirects(document, routes, context, findings);
  checkSubrequests(document, findings);
  const streams = checkStreams(document, context, findings);
  if (routes.length > 0) checkProcess(document, context, findings);
  return { findings: findings.list, routes: routes.length + streams };
}
