import { escapeXml as escapeHtml } from './junit.ts';
import type { Report, StepReport } from './report.ts';

/** The report as one page without anything from elsewhere, for a ticket or a mail. */
export function htmlReport(report: Report): string {
  const { verdict, standing, url, direct, startedAt, durationMs } = report;
  const withWay = direct !== null;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(`${verdict.id}: ${url}`)}</title>
<style>${STYLE}</style>
<main>
<p class="address">${escapeHtml(url)}${withWay ? ` and directly ${escapeHtml(direct)}` : ''}</p>
<h1 class="${standing}">${escapeHtml(verdict.title)}</h1>
<dl>
<dt>Verdict</dt><dd><code>${verdict.id}</code></dd>
<dt>Hop</dt><dd>${verdict.hop}</dd>
<dt>Confidence</dt><dd>${verdict.confidence}</dd>
${verdict.heartbeatMs === null ? '' : `<dt>Heartbeat</dt><dd>every ${verdict.heartbeatMs / 1_000} s survives as it is</dd>`}
</dl>
<h2>Evidence</h2>
<ul>${verdict.evidence.map((sentence) => `<li>${escapeHtml(sentence)}</li>`).join('')}</ul>
${fixSection(report)}
<h2>Steps</h2>
<table>
${report.steps.map((step) => stepRow(step, withWay)).join('\n')}
</table>
<p class="foot">${escapeHtml(startedAt)}, ${(durationMs / 1_000).toFixed(1)} s, holdfast doctor</p>
</main>
</html>
`;
}

function fixSection({ verdict: { fix } }: Report): string {
  if (!fix) return '';
  const product = fix.product === null ? '' : `${escapeHtml(fix.product)}: `;
  return `<h2>Fix</h2>
<p>${product}<b>${escapeHtml(fix.setting)}</b>, in ${escapeHtml(fix.file)}. ${escapeHtml(fix.why)}</p>
<pre>${escapeHtml(fix.snippet)}</pre>`;
}

function stepRow(step: StepReport, withWay: boolean): string {
  const way = withWay ? `<td>${step.way}</td>` : '';
  return `<tr class="${step.status}"><td>${step.status}</td>${way}<td>${escapeHtml(step.title)}</td><td>${escapeHtml(step.summary)}</td></tr>`;
}

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 52rem; margin: 2rem auto; padding: 0 1rem; }
.address, .foot { opacity: .7; overflow-wrap: anywhere; }
h1.stable, tr.ok td:first-child { color: light-dark(#0a6b2d, #6fd08c); }
h1.problem, tr.problem td:first-child { color: light-dark(#b3261e, #ff8a80); }
h1.not-tested { color: light-dark(#8a5a00, #ffcc66); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.5rem; }
dd { margin: 0; }
pre { padding: 1rem; overflow-x: auto; border: 1px solid; border-radius: .4rem; }
table { border-collapse: collapse; width: 100%; }
td { padding: .3rem .8rem .3rem 0; vertical-align: top; border-top: 1px solid color-mix(in srgb, currentColor 25%, transparent); }
`;
