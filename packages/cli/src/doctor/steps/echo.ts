import { performance } from 'node:perf_hooks';
import type { ProbeConnection } from '../probe/connection.ts';
import { describeEnding } from './describe.ts';
import { ms, ok, problem, REFUSED_AGAIN, skipped, type Step } from './step.ts';

/** A server may greet or push before it answers. */
const OTHER_MESSAGES_MAX = 50;

export const echo: Step = {
  name: 'echo',
  title: 'Message and answer',
  async run(way) {
    const { send, expect, timeoutMs } = way.settings;
    if (send === null) return skipped('no message is sent without --send');
    const connection = await way.open('echo');
    if (!connection) return problem(REFUSED_AGAIN);
    const startedAtMs = performance.now();
    const texts = await answersTo(connection, send, expect, timeoutMs);
    const took = performance.now() - startedAtMs;
    const echoes = texts.includes(send);
    const matchesExpected = expect === null ? null : texts.some((text) => text.includes(expect));
    const answered = texts.length > 0;
    const { endedAtMs } = connection;
    way.measured.echo = {
      answered,
      echoes,
      matchesExpected,
      ending: connection.ending,
      endedAfterMs: endedAtMs === null ? null : endedAtMs - startedAtMs,
      ms: answered ? took : null,
    };
    const { ending } = connection;
    await connection.close();
    if (ending) return problem(describeEnding(ending));
    if (matchesExpected === false) return problem(`no answer held "${expect}"`);
    if (!answered) return ok('the server sent no answer');
    return ok(`${echoes ? 'echoed' : 'answered'} in ${ms(took)}`);
  },
};

/** The messages up to the one that was wanted: the echo, or what --expect names. */
async function answersTo(
  connection: ProbeConnection,
  send: string,
  expect: string | null,
  timeoutMs: number,
): Promise<readonly string[]> {
  const texts: string[] = [];
  const deadlineMs = performance.now() + timeoutMs;
  let message = await connection.exchange(send, timeoutMs);
  while (message) {
    texts.push(message.text);
    if (expect === null ? message.text === send || texts.length > 1 : message.text.includes(expect)) break;
    const leftMs = Math.min(expect === null ? 300 : timeoutMs, deadlineMs - performance.now());
    if (leftMs <= 0 || texts.length >= OTHER_MESSAGES_MAX) break;
    message = await connection.nextMessage(leftMs);
  }
  return texts;
}
