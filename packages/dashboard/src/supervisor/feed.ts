import type { ServerResponse } from 'node:http';

const STREAMS_MAX = 16;
/** A page that does not read is cut off; it comes back by itself and learns the state anew. */
const WAITING_BYTES_MAX = 65_536;

/** Tells every open page what happens, as server-sent events, past the network that is being broken. */
export class Feed<Events extends { hello: object }> {
  private readonly streams = new Set<ServerResponse>();

  /** Takes a page in; false when there are too many. */
  add(response: ServerResponse, hello: Events['hello']): boolean {
    if (this.streams.size >= STREAMS_MAX) return false;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    this.streams.add(response);
    response.on('close', () => this.streams.delete(response));
    response.write(`retry: 1000\n${encode('hello', hello)}`);
    return true;
  }

  tell<E extends keyof Events & string>(event: E, data: Events[E]): void {
    const text = encode(event, data);
    for (const stream of this.streams) {
      if (stream.writableLength > WAITING_BYTES_MAX) stream.destroy();
      else stream.write(text);
    }
  }

  close(): void {
    for (const stream of this.streams) stream.destroy();
  }
}

function encode(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
