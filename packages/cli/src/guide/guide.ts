import { adviceFor } from '../doctor/verdict/advice.ts';
import { HEARTBEAT_MS_USUAL, idleTimeoutAfter } from '../doctor/verdict/fix.ts';
import { type VerdictId, verdictTitles } from '../doctor/verdict/verdict-id.ts';
import { closeCodes } from '../facts/close-codes.ts';
import { intermediaries, renderSnippet } from '../facts/intermediaries.ts';
import type { FixTopic, IdleLimit, Intermediary, Note, SettingFix, Source } from '../facts/intermediary.ts';
import { catalogue } from '../facts/rules/catalogue.ts';
import { sayDuration } from '../lint/durations.ts';
import { symptoms, verdictOfRule } from './symptoms.ts';

type Timer = Extract<IdleLimit, { kind: 'timer' }>;

/** The guide as Markdown, out of the same facts as the doctor and the linter. */
export function guide(): string {
  return `${[opening, symptomSection(), codeSection(), silenceSection(), ageSection(), ...verdictSections(), noteSection(), closing].join('\n\n')}\n`;
}

const opening = `<!-- Written by packages/cli/src/guide/write-guide.ts out of the facts of the doctor and the linter. Change those, then: npm run guide -w packages/cli -->

# Why does my WebSocket drop?

A browser tells a page next to nothing: most drops look like close code 1006, whatever the cause. What tells them apart is the code, the **time** and the **place** together. Find your row, follow it to the cause, and change the one line there. Or let a program find out:

\`\`\`
npx holdfast doctor wss://example.com/socket      # from a terminal; it ends with the line to change
npx holdfast doctor --serve                       # from inside the browser that has the trouble
npx holdfast lint /etc/nginx/nginx.conf           # what a configuration will do, before anybody connects
\`\`\``;

const closing = `## What helps whatever the cause

- A heartbeat every ${HEARTBEAT_MS_USUAL / 1_000} s, from the server as a ping, or from the page as a message (a page can't ping).
- A client that comes back by itself, with a random delay, and continues where it was: connections end, even on a perfect way.
- A place for drops in your logs: code, reason, age, and the time since the last byte. With these four the tables above need no guess.`;

const link = (id: VerdictId): string => `[${id}](#${id})`;
/** Text inside a cell of a table must not end the cell. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const row = (...cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
const table = (heads: readonly string[], rows: readonly string[]): string =>
  [row(...heads), row(...heads.map(() => '---')), ...rows].join('\n');
const sourceText = ({ kind, name }: Source): string => (kind === 'measured' ? `measured on ${name}` : name);

function symptomSection(): string {
  const rows = symptoms.map(({ code, when, where, verdicts }) =>
    row(code, when, where, verdicts.map(link).join(', ')),
  );
  return `## By what you see

${table(['close code', 'when', 'where', 'likely causes'], rows)}`;
}

function codeSection(): string {
  const rows = closeCodes.map(({ code, means, from, source }) => row(code, means, from, sourceText(source)));
  return `## By close code

${table(['code', 'what it means', 'who says it', 'source'], rows)}`;
}

function silenceSection(): string {
  const timers = intermediaries.flatMap(({ id, name, idle }) =>
    idle.kind === 'timer' ? [{ id, name, idle }] : [],
  );
  const rows = timers
    .toSorted((a, b) => a.idle.defaultMs - b.idle.defaultMs)
    .map(({ name, idle }) =>
      row(sayDuration(idle.defaultMs), name, countsText(idle), endingText(idle), certainty(idle)),
    );
  const others = intermediaries
    .filter(({ kind, idle }) => idle.kind === 'unknown' && kind !== 'browser')
    .map(({ name }) => name);
  const none = intermediaries
    .filter(({ kind, idle }) => idle.kind === 'none' && kind === 'proxy')
    .map(({ name }) => name);
  return `## By the time of silence

Measure how long a connection was silent when it died, and look for that time. The defaults:

${table(['after', 'what stands there', 'what holds it back', 'how it ends', 'source'], rows)}

No limit of silence by default: ${none.join(', ')}. Nobody says, or it differs: ${others.join(', ')}.`;
}

function countsText({ direction, pingCounts, tcpKeepaliveCounts }: Timer): string {
  const bytes = {
    either: 'bytes either way',
    'both-required': 'bytes both ways',
    'origin-to-client': 'bytes from the server',
    unknown: 'bytes',
  }[direction];
  const pings = pingCounts === true ? ', pings too' : pingCounts === false ? ', but no pings' : '';
  return `${bytes}${pings}${tcpKeepaliveCounts ? ', TCP keepalive too' : ''}`;
}

function endingText({ ending }: Timer): string {
  return {
    fin: 'closed without a close frame (1006)',
    reset: 'reset (1006)',
    silent: 'forgotten: nobody is told',
    'close-frame': 'with a close frame',
    unknown: 'not known',
  }[ending];
}

function certainty({ certainty: how, source }: Timer): string {
  return how === 'confirmed' ? sourceText(source) : `${sourceText(source)} (reported)`;
}

function ageSection(): string {
  const limited = intermediaries.flatMap(({ name, lifetime }) => (lifetime ? [{ name, lifetime }] : []));
  const rows = limited
    .toSorted((a, b) => a.lifetime.defaultMs - b.lifetime.defaultMs)
    .map(({ name, lifetime }) =>
      row(sayDuration(lifetime.defaultMs), name, lifetime.note, sourceText(lifetime.source)),
    );
  return `## By age

No heartbeat helps against these: let the client come back.

${table(['at', 'what stands there', 'what it is', 'source'], rows)}`;
}

function verdictSections(): readonly string[] {
  const ids = (Object.keys(verdictTitles) as VerdictId[]).filter((id) => adviceFor[id] !== null);
  return ['## The causes, and what to change', ...ids.map(verdictSection)];
}

function verdictSection(id: VerdictId): string {
  const advice = adviceFor[id];
  if (!advice) return '';
  const snippet = advice.snippet.replaceAll('{heartbeatMs}', String(HEARTBEAT_MS_USUAL));
  const parts = [
    `### ${id}`,
    `**${verdictTitles[id]}** ${advice.why}`,
    `Change: ${advice.setting}, in ${advice.file}.`,
    fenced(snippet),
  ];
  if (advice.topic) parts.push(...productParts(advice.topic));
  const rules = catalogue.filter((rule) => verdictOfRule[rule.id] === id);
  if (rules.length > 0) {
    const told = rules.map(({ id: rule, title, product }) => `- \`${rule}\` ${product}: ${title}`);
    parts.push(`\`holdfast lint\` finds:`, told.join('\n'));
  }
  return parts.filter((part) => part !== '').join('\n\n');
}

function fenced(text: string): string {
  return `\`\`\`\n${text}\n\`\`\``;
}

/** The same lines as the doctor prints when it has recognised the product. */
function productParts(topic: FixTopic): readonly string[] {
  const fixes = intermediaries.flatMap((intermediary) =>
    intermediary.fixes.filter((fix) => fix.topic === topic).map((fix) => productPart(intermediary, fix)),
  );
  if (fixes.length === 0) return [];
  return [`<details>\n<summary>The setting of each product</summary>`, ...fixes, '</details>'];
}

function noteSection(): string {
  const parts = intermediaries
    .filter(({ notes }) => notes.length > 0)
    .map(({ name, notes }) => `**${name}**\n\n${notes.map(noteLine).join('\n')}`);
  return ['## What else is known of each', ...parts].join('\n\n');
}

function noteLine({ text, source }: Note): string {
  return `- ${text} <sub>${sourceText(source)}</sub>`;
}

function productPart({ name, idle }: Intermediary, fix: SettingFix): string {
  const snippet = renderSnippet(fix, idleTimeoutAfter(idle.kind === 'timer' ? idle.defaultMs : undefined));
  return `**${name}**: ${fix.setting} (default: ${fix.default}), in ${fix.file}. ${fix.why} <sub>${sourceText(fix.source)}</sub>\n\n${fenced(snippet)}`;
}
