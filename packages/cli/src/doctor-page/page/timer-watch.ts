/** How late timers came, here and in a worker: browsers slow down pages that nobody looks at. */
const EVERY_MS = 1_000;

const WORKER_CODE = `
let last = performance.now(), worst = 0;
setInterval(() => { const now = performance.now(); worst = Math.max(worst, now - last - ${EVERY_MS}); last = now; }, ${EVERY_MS});
onmessage = () => postMessage(worst);
`;

export interface TimersSeen {
  readonly pageLateMs: number;
  /** null where a policy of the page forbids workers. */
  readonly workerLateMs: number | null;
  readonly hiddenMs: number;
}

export class TimerWatch {
  readonly #startedAtMs = performance.now();
  readonly #timer: number;
  readonly #worker: Worker | null = startWorker();
  #lastMs = performance.now();
  #pageLateMs = 0;
  #hiddenMs = 0;

  constructor() {
    this.#timer = window.setInterval(() => {
      const nowMs = performance.now();
      this.#pageLateMs = Math.max(this.#pageLateMs, nowMs - this.#lastMs - EVERY_MS);
      if (document.visibilityState === 'hidden') this.#hiddenMs += nowMs - this.#lastMs;
      this.#lastMs = nowMs;
    }, EVERY_MS);
  }

  get ageMs(): number {
    return performance.now() - this.#startedAtMs;
  }

  async stop(): Promise<TimersSeen> {
    clearInterval(this.#timer);
    const workerLateMs = await this.#askWorker();
    this.#worker?.terminate();
    return { pageLateMs: this.#pageLateMs, workerLateMs, hiddenMs: this.#hiddenMs };
  }

  #askWorker(): Promise<number | null> {
    const worker = this.#worker;
    if (worker === null) return Promise.resolve(null);
    return new Promise((resolve) => {
      worker.onmessage = ({ data }: MessageEvent<number>) => resolve(data);
      worker.onerror = () => resolve(null);
      setTimeout(resolve, EVERY_MS, null);
      worker.postMessage('how late');
    });
  }
}

function startWorker(): Worker | null {
  try {
    const url = URL.createObjectURL(new Blob([WORKER_CODE], { type: 'text/javascript' }));
    const worker = new Worker(url);
    URL.revokeObjectURL(url);
    return worker;
  } catch {
    return null;
  }
}
