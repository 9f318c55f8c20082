interface Request {
  callback: () => unknown;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

type Options = { steal?: boolean; signal?: AbortSignal };

/** Web Locks (W3C) of one origin, as far as rooms use them: exclusive, in order, withdrawn by a signal, stolen. */
export class FakeLocks {
  isForbidden = false;
  private readonly held = new Map<string, Request>();
  private readonly queues = new Map<string, Request[]>();

  request(name: string, ...rest: [() => unknown] | [Options, () => unknown]): Promise<unknown> {
    const callback = rest.length === 1 ? rest[0] : rest[1];
    const { steal, signal }: Options = rest.length === 1 ? {} : rest[0];
    if (this.isForbidden) return Promise.reject(new Error('SecurityError'));
    return new Promise((resolve, reject) => {
      const request = { callback, resolve, reject };
      if (steal) return this.steal(name, request);
      this.queueOf(name).push(request);
      signal?.addEventListener('abort', () => this.withdraw(name, request));
      this.grantNext(name);
    });
  }

  isHeld(name: string): boolean {
    return this.held.has(name);
  }

  private queueOf(name: string): Request[] {
    const queue = this.queues.get(name) ?? [];
    this.queues.set(name, queue);
    return queue;
  }

  private steal(name: string, request: Request): void {
    this.held.get(name)?.reject(new Error('AbortError'));
    this.held.delete(name);
    this.queueOf(name).unshift(request);
    this.grantNext(name);
  }

  private withdraw(name: string, request: Request): void {
    const queue = this.queueOf(name);
    const index = queue.indexOf(request);
    if (index < 0) return;
    queue.splice(index, 1);
    request.reject(new Error('AbortError'));
  }

  private grantNext(name: string): void {
    if (this.held.has(name)) return;
    const request = this.queueOf(name).shift();
    if (!request) return;
    this.held.set(name, request);
    queueMicrotask(async () => {
      const value = await request.callback();
      if (this.held.get(name) !== request) return;
      this.held.delete(name);
      request.resolve(value);
      this.grantNext(name);
    });
  }
}
