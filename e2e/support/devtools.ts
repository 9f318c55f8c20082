import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';

/** A tab as the DevTools protocol has it. Playwright's believe that they are always in sight, and never freeze. */
export interface Tab {
  evaluate<T>(run: () => T | Promise<T>): Promise<T>;
  /** The page is hidden, told, and then nothing of it runs. */
  freeze(): Promise<void>;
  /** It runs again, still hidden. */
  resume(): Promise<void>;
}

interface Answer {
  id?: number;
  error?: { message: string };
  result?: Record<string, unknown>;
}

/** A Chromium of its own, gone when the test is over, and a way to open tabs in it. */
export async function openChromium(): Promise<(url: string) => Promise<Tab>> {
  const profile = await mkdtemp(join(tmpdir(), 'holdfast-chromium-'));
  const flags = ['--headless', '--no-sandbox', '--disable-background-networking', '--no-first-run'];
  const child = spawn(
    process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    [...flags, '--remote-debugging-port=0', `--user-data-dir=${profile}`],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const exited = new Promise((resolve) => child.once('exit', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
    await rm(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });
  const address = await new Promise<string>((resolve, reject) => {
    exited.then(() => reject(new Error('Chromium ended before it could be spoken to.')));
    createInterface(child.stderr).on('line', (line) => {
      const found = /DevTools listening on (ws:\S+)/.exec(line);
      if (found) resolve(found[1]!);
    });
  });
  const devtools = await Devtools.open(address);
  return (url) => devtools.openTab(url);
}

class Devtools {
  private count = 0;
  private readonly callers = new Map<number, (answer: Answer) => void>();
  private readonly socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => {
      const answer = JSON.parse(String(data)) as Answer;
      if (answer.id !== undefined) this.callers.get(answer.id)?.(answer);
    });
  }

  static async open(address: string): Promise<Devtools> {
    const socket = new WebSocket(address);
    onTestFinished(() => socket.terminate());
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return new Devtools(socket);
  }

  async openTab(url: string): Promise<Tab> {
    const { targetId } = await this.call('Target.createTarget', { url });
    const { sessionId } = await this.call('Target.attachToTarget', { targetId, flatten: true });
    const setState = async (state: string): Promise<void> => {
      await this.call('Page.setWebLifecycleState', { state }, sessionId);
    };
    return {
      evaluate: async (run) => {
        const options = { expression: `(${run})()`, returnByValue: true, awaitPromise: true };
        const { result, exceptionDetails } = await this.call('Runtime.evaluate', options, sessionId);
        if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
        return (result as { value: never }).value;
      },
      freeze: () => setState('frozen'),
      resume: () => setState('active'),
    };
  }

  private call(method: string, params: object, sessionId?: unknown): Promise<Record<string, unknown>> {
    const id = ++this.count;
    this.socket.send(JSON.stringify({ id, method, params, sessionId }));
    return new Promise((resolve, reject) =>
      this.callers.set(id, ({ result, error }) => {
        this.callers.delete(id);
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result ?? {});
      }),
    );
  }
}
