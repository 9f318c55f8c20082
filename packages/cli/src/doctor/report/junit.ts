import type { Report } from './report.ts';

/** Each step as a test case, and the verdict as the last one, in the form that CI systems read. */
export function junitReport({ url, steps, verdict, standing, durationMs }: Report): string {
  const cases = steps.map((step) => ({
    name: `${step.title} (${step.way})`,
    seconds: step.durationMs / 1_000,
    // Only the verdict fails a build: a step may find odd what turns out harmless.
    body: step.status === 'skipped' ? `<skipped message="${escapeXml(step.summary)}"/>` : '',
    output: step.summary,
  }));
  const failed = standing !== 'stable';
  const details = [verdict.title, ...verdict.evidence, verdict.fix?.snippet ?? ''].join('\n');
  cases.push({
    name: 'verdict',
    seconds: 0,
    body: failed
      ? `<failure type="${verdict.id}" message="${escapeXml(`${verdict.id} (${verdict.hop})`)}">${escapeXml(details)}</failure>`
      : '',
    output: verdict.title,
  });
  const skippedCount = steps.filter(({ status }) => status === 'skipped').length;
  const rows = cases.map(
    ({ name, seconds, body, output }) =>
      `    <testcase classname="holdfast.doctor" name="${escapeXml(name)}" time="${seconds}">${body}<system-out>${escapeXml(output)}</system-out></testcase>`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="holdfast doctor ${escapeXml(url)}" tests="${cases.length}" failures="${failed ? 1 : 0}" skipped="${skippedCount}" time="${durationMs / 1_000}">
${rows.join('\n')}
  </testsuite>
</testsuites>
`;
}

/** What a server sent may hold anything; XML 1.0 does not even bear most control characters. */
export function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\x20-\ud7ff\ue000-\ufffd]/g, '·')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
