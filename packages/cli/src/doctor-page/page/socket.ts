import { shownAddress } from '../../doctor/shown-address.ts';
import type { Upgrade } from './browser-verdict.ts';
import { firstWord, helloBytes, pingBytes, pongBytes } from './wire.ts';

export interface SocketSettings {
  readonly url: string;
  readonly subprotocols: readonly string[];
  /** A text that the server answers; empty when there is none. */
  readonly send: string;
  readonly token: string;
}

const HOLDFAST = 'holdfast.v1';
const OPEN_MS_MAX = 10_000;
const ANSWER_MS_MAX = 8_000;

/** Resolves with null when it takes longer. */
export async function inTime<T>(ms: number, wanted: Promise<T>): Promise<T | null> {
  let timer = 0;
  const late = new Promise<null>((resolve) => (timer = window.setTimeout(resolve, ms, null)));
  const first = await Promise.race([wanted, late]);
  clearTimeout(timer);
  return first;
}

/** A WebSocket that can be asked, whatever its server speaks. */
export class TestSocket {
  readonly closed: Promise<CloseEvent>;
  closeEvent: CloseEvent | null = null;
  openedAtMs = 0;
  resumeToken = '';
  resumed = false;
  readonly #socket: WebSocket;
  readonly #settings: SocketSettings;
  #answered: () => void = () => {};
  #welcomed: () => void = () => {};
  readonly #welcome = new Promise<true>((resolve) => (this.#welcomed = () => resolve(true)));

  private constructor(socket: WebSocket, settings: SocketSettings) {
    this.#socket = socket;
    this.#settings = settings;
    socket.binaryType = 'arraybuffer';
    this.closed = new Promise((resolve) => {
      socket.addEventListener('close', (event) => {
        this.closeEvent ??= event;
        resolve(event);
      });
    });
    socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => this.#handle(data));
  }

  /** One handshake; with Holdfast it ends with the welcome. */
  static async open(
    settings: SocketSettings,
    resume: { readonly connection: number; readonly token: string } = { connection: 1, token: '' },
  ): Promise<{ readonly upgrade: Upgrade; readonly socket: TestSocket | null }> {
    const startedAtMs = performance.now();
    const took = (): number => performance.now() - startedAtMs;
    let raw: WebSocket;
    try {
      raw = new WebSocket(settings.url, [...settings.subprotocols]);
    } catch (error) {
      // Browsers repeat the address that they refuse.
      const why = String((error as Error).message).replaceAll(settings.url, shownAddress(settings.url));
      return { upgrade: { kind: 'blocked', why }, socket: null };
    }
    const socket = new TestSocket(raw, settings);
    const opened = new Promise<true>((resolve) => raw.addEventListener('open', () => resolve(true)));
    const came = await inTime(OPEN_MS_MAX, Promise.race([opened, socket.closed.then(() => null)]));
    if (came === null) {
      raw.close();
      return { upgrade: { kind: 'failed', ms: took() }, socket: null };
    }
    socket.openedAtMs = performance.now();
    if (raw.protocol === HOLDFAST) {
      raw.send(helloBytes(resume.connection, resume.token, settings.token));
      await inTime(ANSWER_MS_MAX, Promise.race([socket.#welcome, socket.closed]));
    }
    return { upgrade: { kind: 'open', ms: took(), subprotocol: raw.protocol }, socket };
  }

  get speaks(): 'holdfast' | 'text' | 'nothing' {
    if (this.#socket.protocol === HOLDFAST) return 'holdfast';
    return this.#settings.send === '' ? 'nothing' : 'text';
  }

  /** The round trip of one question; null when no answer came. */
  async ask(): Promise<number | null> {
    if (this.speaks === 'nothing' || this.closeEvent !== null) return null;
    const answered = new Promise<true>((resolve) => (this.#answered = () => resolve(true)));
    const startedAtMs = performance.now();
    this.#socket.send(this.speaks === 'holdfast' ? pingBytes(1) : this.#settings.send);
    const came = await inTime(ANSWER_MS_MAX, Promise.race([answered, this.closed.then(() => null)]));
    return came === null ? null : performance.now() - startedAtMs;
  }

  close(): void {
    this.#socket.close();
  }

  #handle(data: string | ArrayBuffer): void {
    if (this.speaks !== 'holdfast' || typeof data === 'string') return this.#answered();
    const word = firstWord(data);
    switch (word.type) {
      case 'welcome':
        this.resumeToken = word.resumeToken;
        this.resumed = word.resumed;
        return this.#welcomed();
      case 'ping':
        // Not to answer would be a death of its own making.
        return this.#socket.send(pongBytes(word.id));
      case 'pong':
        return this.#answered();
      case 'other':
    }
  }
}
