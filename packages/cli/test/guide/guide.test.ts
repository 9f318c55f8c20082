import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { adviceFor } from '../../src/doctor/verdict/advice.ts';
import { type VerdictId, verdictTitles } from '../../src/doctor/verdict/verdict-id.ts';
import { intermediaries } from '../../src/facts/intermediaries.ts';
import { catalogue } from '../../src/facts/rules/catalogue.ts';
import { guide } from '../../src/guide/guide.ts';
import { symptoms } from '../../src/guide/symptoms.ts';

const text = guide();
const problems = (Object.keys(verdictTitles) as VerdictId[]).filter((id) => adviceFor[id] !== null);

describe('the guide "Why does my WebSocket drop?"', () => {
  it('is what the facts say now (npm run guide -w packages/cli writes it)', () => {
    const file = new URL('../../../../docs/why-does-my-websocket-drop.md', import.meta.url);
    expect(readFileSync(file, 'utf8')).toBe(text);
  });

  it('leads from a symptom to every cause, and has a section for each', () => {
    const reached = new Set(symptoms.flatMap(({ verdicts }) => verdicts));
    expect(problems.filter((id) => !reached.has(id))).toEqual([]);
    expect(problems.filter((id) => !text.includes(`\n### ${id}\n`))).toEqual([]);
    expect([...reached].filter((id) => adviceFor[id] === null)).toEqual([]);
  });

  it('has no link that leads nowhere', () => {
    const targets = [...text.matchAll(/\]\(#([^)]+)\)/g)].map(([, target]) => target);
    expect(targets.length).toBeGreaterThan(30);
    expect(targets.filter((target) => !text.includes(`\n### ${target}\n`))).toEqual([]);
  });

  it('holds every limit of silence, every limit of age, and every rule of the linter', () => {
    const limited = intermediaries.filter(({ idle, lifetime }) => idle.kind === 'timer' || lifetime);
    expect(limited.filter(({ name }) => !text.includes(`| ${name} |`)).map(({ id }) => id)).toEqual([]);
    expect(catalogue.filter(({ id }) => !text.includes(`\`${id}\``)).map(({ id }) => id)).toEqual([]);
  });

  it('holds every note, and every setting that a cause leads to', () => {
    const topics = new Set(problems.map((id) => adviceFor[id]!.topic));
    const told = intermediaries.flatMap(({ fixes, notes }) => [
      ...fixes.filter(({ topic }) => topics.has(topic)).map(({ why }) => why),
      ...notes.map((note) => note.text),
    ]);
    expect(told.length).toBeGreaterThan(100);
    expect(told.filter((sentence) => !text.includes(sentence))).toEqual([]);
  });

  it('leaves no placeholder behind', () => {
    expect(text).not.toMatch(/\{(seconds|heartbeatMs)\}|undefined|\[object/);
  });
});
