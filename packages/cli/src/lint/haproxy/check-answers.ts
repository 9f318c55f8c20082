import type { Findings, LintContext } from '../finding.ts';
import { appendLine } from './edits.ts';
import type { Line, Section } from './parse.ts';
import { conditionOf, isAboutWebSocket, isTcpOnWebPort, pathsTo, type Term } from './routes.ts';
import { effective, hasOption, holdsWord, modeOf, ownLines, wordAfter, type Way } from './scope.ts';

/** HAP012, HAP015 to HAP017, HAP019 and HAP020: what else meets a handshake on its way through. */
export function checkAnswers(
  way: Way,
  global: Section | undefined,
  context: LintContext,
  findings: Findings,
): void {
  const { front, back } = way;
  if (modeOf(front) === 'http') {
    checkBinds(front, global, findings);
    checkRules(way, context, findings);
    if (!hasOption(back, 'abortonclose')) {
      findings.add('HAP015', back.head, `${back.kind} ${back.name} has no option abortonclose.`, [
        appendLine(back, 'option abortonclose'),
      ]);
    }
  } else if (isTcpOnWebPort(front)) checkTcp(front, findings);
  checkKeepalive(front, 'clitcpka', findings);
  checkKeepalive(back, 'srvtcpka', findings);
}

function checkKeepalive(section: Section, option: string, findings: Findings): void {
  if (hasOption(section, option) || hasOption(section, 'tcpka')) return;
  findings.add('HAP016', section.head, `${section.kind} ${section.name} has no option ${option}.`, [
    appendLine(section, `option ${option}`),
  ]);
}

function checkBinds(front: Section, global: Section | undefined, findings: Findings): void {
  if (global && effective(global, 'h2-workaround-bogus-websocket-clients')) return;
  for (const bind of ownLines(front, 'bind')) {
    if (wordAfter(bind, 'alpn')?.split(',').includes('h2'))
      findings.add('HAP012', bind, 'This bind line offers h2.');
  }
}

const refusals = new Set(['deny', 'tarpit', 'redirect', 'reject', 'return', 'silent-drop']);

function checkRules(way: Way, { path }: LintContext, findings: Findings): void {
  const { front, back } = way;
  const paths = path === undefined ? pathsTo(way) : [path];
  for (const section of new Set([front, back])) {
    const rules = section.lines.filter((line) => refusesRequests(line) && answers(section, line, paths));
    for (const rule of rules)
      findings.add('HAP017', rule, `This rule also answers the handshakes of ${front.kind} ${front.name}.`);
  }
}

function refusesRequests(line: Line): boolean {
  const [first, second] = line.words.map(({ value }) => value);
  return first === 'redirect' || (first === 'http-request' && refusals.has(second ?? ''));
}

/**
 * Whether a rule catches a WebSocket: one without a condition does, and one whose condition holds for
 * its path. A condition on anything else (an address, a rate, the scheme) is a choice of the user.
 */
function answers(section: Section, rule: Line, paths: readonly string[]): boolean {
  if (holdsWord(rule, 'unless')) return false;
  if (!holdsWord(rule, 'if')) return true;
  const condition = conditionOf(section, rule);
  return paths.some((path) => condition.some((terms) => terms.every((one) => holdsFor(one, path))));
}

function holdsFor({ isNegated, tests }: Term, path: string): boolean {
  return !isNegated && tests.some((test) => /^(path|url)/.test(test) && isAboutWebSocket(test, path));
}

function checkTcp(front: Section, findings: Findings): void {
  findings.add(
    'HAP019',
    effective(front, 'mode') ?? front.head,
    `${front.kind} ${front.name} passes TCP through.`,
  );
  const isLogged = effective(front, 'log') !== undefined;
  const format = effective(front, 'log-format')?.words[1]?.value ?? '';
  if (isLogged && !hasOption(front, 'tcplog') && !format.includes('%ts')) {
    findings.add('HAP020', front.head, `${front.kind} ${front.name} does not log how connections end.`, [
      appendLine(front, 'option tcplog'),
    ]);
  }
}
