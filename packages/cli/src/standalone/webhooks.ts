import { createHash, createHmac, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Action, Identity } from 'holdfast/server';
import type { Configuration } from './configuration.ts';

export interface WebhookEvent {
  readonly type: 'connect' | 'disconnect';
  readonly session: string;
  readonly identity: string;
  readonly [detail: string]: unknown;
}

const ATTEMPTS_MAX = 5;
const FIRST_RETRY_MS = 500;
/** Events that wait; beyond it the oldest are dropped, and their number is told. */
const WAITING_MAX = 10_000;
/** Questions that are asked at once: a storm of returns must not become one on the backend. */
const ASKING_MAX = 64;
/** Those that have no answer yet; beyond it clients are told to come back later, as when nobody answers. */
const QUESTIONS_MAX = 10_000;
const ANSWER_TTL_MS = 30_000;
const ANSWERS_MAX = 10_000;

/** Tells the backend of connects and disconnects, and asks it what the claims do not say. */
export class Webhooks {
  private readonly waiting: WebhookEvent[] = [];
  private readonly answers = new Map<string, { allowed: boolean; untilMs: number }>();
  /** Whoever asks the same meanwhile waits for the same answer. */
  private readonly questions = new Map<string, Promise<boolean>>();
  private readonly queue: (() => void)[] = [];
  private asking = 0;
  private dropped = 0;
  private sending: Promise<void> | undefined;
  private readonly ended = new AbortController();
  private readonly secret: string | undefined;
  private readonly timeoutMs: number;
  private readonly authorizeUrl: string | undefined;
  private readonly eventsUrl: string | undefined;
  private readonly warn: (text: string) => void;

  constructor(configuration: Configuration, warn: (text: string) => void) {
    this.secret = configuration.secret('webhooks.secret');
    this.timeoutMs = configuration.count('webhooks.timeoutMs', 5_000);
    this.authorizeUrl = addressOf(configuration, 'webhooks.authorize');
    this.eventsUrl = addressOf(configuration, 'webhooks.events');
    this.warn = warn;
  }

  get asks(): boolean {
    return this.authorizeUrl !== undefined;
  }

  get tells(): boolean {
    return this.eventsUrl !== undefined;
  }

  /** Queues an event; events of one worker arrive in order, and each again when it was not answered with 2xx. */
  tell(event: WebhookEvent): void {
    if (this.waiting.length >= WAITING_MAX) {
      this.waiting.shift();
      this.dropped++;
    }
    this.waiting.push(event);
    this.sending ??= this.sendAll().finally(() => (this.sending = undefined));
  }

  /** Waits until what was queued is sent, or given up; what is left when the time is up is lost, which is said. */
  async settled(withinMs: number): Promise<void> {
    const late = setTimeout(() => this.ended.abort(), withinMs);
    await this.sending;
    clearTimeout(late);
  }

  private async sendAll(): Promise<void> {
    for (let event = this.waiting.shift(); event; event = this.waiting.shift()) {
      if (this.dropped > 0)
        this.warn(`webhooks.events: ${this.dropped} events were dropped: the backend is too slow.`);
      this.dropped = 0;
      await this.deliver(event);
      if (!this.ended.signal.aborted) continue;
      this.warn(`webhooks.events: the last ${this.waiting.length + 1} were not delivered before the end.`);
      return;
    }
  }

  private async deliver(event: WebhookEvent): Promise<void> {
    const id = randomUUID();
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      if (attempt > 0) await this.pause(Math.random() * FIRST_RETRY_MS * 2 ** attempt);
      if (this.ended.signal.aborted) return;
      try {
        const { ok, status, body } = await this.post(this.eventsUrl!, event, id);
        // What nobody reads would hold its connection.
        await body?.cancel();
        if (ok) return;
        this.warn(`webhooks.events was answered with ${status}.`);
      } catch (error) {
        this.warn((error as Error).message);
      }
    }
    this.warn(`webhooks.events: a ${event.type} could not be delivered in ${ATTEMPTS_MAX} attempts.`);
  }

  private async pause(ms: number): Promise<void> {
    const { signal } = this.ended;
    await sleep(ms, undefined, { signal }).catch(() => {});
  }

  /** Whether the backend allows it. Throws when it can't be asked, which is no answer (SPEC AUTH-8). */
  async allows({ id, claims }: Identity, action: Action, name: string): Promise<boolean> {
    const question = { identity: id, claims, action, name };
    // Of the whole question: two tokens of one user may differ in their claims, and so may the answers.
    const key = createHash('sha256').update(JSON.stringify(question)).digest('base64');
    const known = this.answers.get(key);
    if (known && known.untilMs > Date.now()) return known.allowed;
    const pending = this.questions.get(key);
    if (pending) return pending;
    if (this.questions.size >= QUESTIONS_MAX)
      throw new Error(
        `webhooks.authorize: ${QUESTIONS_MAX} questions wait already: the backend is too slow.`,
      );
    const answer = this.ask(question, key).finally(() => this.questions.delete(key));
    this.questions.set(key, answer);
    return answer;
  }

  private async ask(question: unknown, key: string): Promise<boolean> {
    await this.turn();
    try {
      const response = await this.post(this.authorizeUrl!, question, randomUUID());
      if (!response.ok) {
        await response.body?.cancel();
        throw new Error(`webhooks.authorize was answered with ${response.status}.`);
      }
      const answer = (await response.json().catch((error: Error) => {
        throw new Error(`webhooks.authorize: the answer can’t be read: ${error.message}`, { cause: error });
      })) as { allowed?: unknown } | null;
      const allowed = answer?.allowed === true;
      if (this.answers.size >= ANSWERS_MAX) this.answers.delete(this.answers.keys().next().value!);
      this.answers.set(key, { allowed, untilMs: Date.now() + ANSWER_TTL_MS });
      return allowed;
    } finally {
      this.asking--;
      this.queue.shift()?.();
    }
  }

  private async turn(): Promise<void> {
    if (this.asking >= ASKING_MAX) await new Promise<void>((resolve) => void this.queue.push(resolve));
    this.asking++;
  }

  /** Rejects with a sentence when there is no answer. */
  private async post(url: string, body: unknown, id: string): Promise<Response> {
    const text = JSON.stringify(body);
    const seconds = Math.floor(Date.now() / 1_000);
    const headers: Record<string, string> = { 'content-type': 'application/json', 'holdfast-delivery': id };
    if (this.secret !== undefined) {
      const signature = createHmac('sha256', this.secret).update(`${seconds}.${text}`).digest('hex');
      headers['holdfast-signature'] = `t=${seconds},v1=${signature}`;
    }
    try {
      return await fetch(url, {
        method: 'POST',
        headers,
        body: text,
        // To follow would turn the POST into a GET without its body, and a page's 200 into an answer.
        redirect: 'manual',
        signal: AbortSignal.any([AbortSignal.timeout(this.timeoutMs), this.ended.signal]),
      });
    } catch (error) {
      const { cause, message } = error as Error & { cause?: { code?: string } };
      const text = `${new URL(url).host} can’t be asked: ${cause?.code ?? message}.`;
      throw new Error(text, { cause: error });
    }
  }
}

function addressOf(configuration: Configuration, path: string): string | undefined {
  const text = configuration.text(path);
  if (text === undefined) return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    return configuration.fail(path, 'must be an http or https address');
  if (url.username || url.password)
    configuration.fail(path, 'must hold no password; webhooks.secret signs the bodies');
  return text;
}
