/** What plain HTTP says of a WebSocket's address. A WebSocket itself tells a page nothing: every failure is 1006. */
export interface HttpAnswer {
  /** 0 when something answered, and the page may not see what. */
  status: number;
  /** When the server wants nobody before that. */
  retryAfterMs: number | undefined;
}

/** What a client needs of `fetch`. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

const TIMEOUT_MS = 5_000;
const RETRY_AFTER_MS_MAX = 3_600_000;

/**
 * Asks an address by HTTP; undefined when nothing answers. Never rejects. Where an answer of another origin may not be
 * read, as in browsers, it is asked a second time for whether there is one.
 */
export async function askHttp(url: string, fetch: Fetch = globalThis.fetch): Promise<HttpAnswer | undefined> {
  for (const mode of ['cors', 'no-cors'] as const) {
    try {
      const { status, headers, body } = await fetch(url.replace(/^ws/, 'http'), {
        mode,
        cache: 'no-store',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      body?.cancel().catch(() => {});
      return answerOf(status, headers.get('retry-after'));
    } catch (error) {
      // Unreachable, or an answer that another origin's page may not read: the second mode tells which.
      if ((error as Error).name === 'TimeoutError') break;
    }
  }
  return undefined;
}

/** An answer with this status and Retry-After, of which seconds are understood (RFC 9110 §10.2.3). */
export function answerOf(status: number, retryAfter: string | null | undefined): HttpAnswer {
  const retryAfterMs = Math.min(Number(retryAfter) * 1_000, RETRY_AFTER_MS_MAX);
  return { status, retryAfterMs: retryAfterMs >= 1_000 ? retryAfterMs : undefined };
}

/** Round trips to an address in milliseconds, Infinity for one without an answer. One more goes first, to connect. */
export async function measureHttp(url: string, count: number, fetch?: Fetch): Promise<number[]> {
  const samplesMs: number[] = [];
  await askHttp(url, fetch);
  while (samplesMs.length < count) {
    const startMs = performance.now();
    samplesMs.push((await askHttp(url, fetch)) ? performance.now() - startMs : Infinity);
  }
  return samplesMs;
}

/** Why an address takes no WebSocket, in a sentence for people. */
export function explainStatus(status: number): string {
  const why =
    {
      401: 'it, or a proxy before it, wants a login',
      403: 'it, or a firewall before it, forbids this client',
      // Who shares an HTTP server with an application leaves plain requests to that, which knows nothing of the path.
      404: 'the path is wrong, or a proxy does not pass the upgrade on',
      426: 'a proxy does not pass the upgrade on',
      429: 'it takes no more from this client',
      502: 'the server behind the proxy does not answer',
      503: 'it is busy, or being replaced',
      504: 'the server behind the proxy does not answer in time',
    }[status] ?? 'it takes no WebSocket';
  return `The address answers HTTP ${status}: ${why}.`;
}
