import { WebSocket } from 'ws';
import { decode, encode } from '../../src/protocol/codec.ts';
import type { Position } from '../../src/protocol/position.ts';
import type { RecordType, WireRecord } from '../../src/protocol/schema.ts';
import { PROTOCOL_VERSION } from '../../src/protocol/version.ts';
import { jsonCodec } from '../../src/protocol/payload.ts';
import { Queue } from '../../src/testing/contracts/queue.ts';
import { within } from '../../src/testing/contracts/runner.ts';

export interface DialOptions {
  path?: string;
  protocols?: string[];
  origin?: string;
}

export type Hello = Partial<Omit<WireRecord<'hello'>, 'type'>>;

/** A client that speaks records as they are, right or wrong, and does nothing by itself. */
export class RawClient {
  readonly webSocket: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Everything that came, in order. */
  readonly records: WireRecord[] = [];
  private readonly queues = new Map<RecordType, Queue<WireRecord>>();
  /** The data of the messages that came so far. */
  readonly data: unknown[] = [];
  private pings = 0;

  private constructor(webSocket: WebSocket) {
    this.webSocket = webSocket;
    this.closed = new Promise((resolve) => {
      webSocket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    webSocket.on('error', () => {});
    webSocket.on('message', (data: Buffer) => this.take(data));
  }

  /** A connection on which no hello was said. */
  static async dial(port: number, options: DialOptions = {}): Promise<RawClient> {
    const { path = '/', protocols = [PROTOCOL_VERSION], origin } = options;
    const webSocket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, {
      perMessageDeflate: false,
      ...(origin === undefined ? {} : { origin }),
    });
    const client = new RawClient(webSocket);
    await within(
      'an upgrade',
      new Promise<void>((resolve, reject) => {
        webSocket.once('open', resolve);
        webSocket.once('error', reject);
      }),
    );
    return client;
  }

  /** A connection that was welcomed. */
  static async connect(port: number, hello: Hello = {}, options: DialOptions = {}): Promise<RawClient> {
    const client = await RawClient.dial(port, options);
    client.hello(hello);
    await client.next('welcome');
    return client;
  }

  get welcome(): WireRecord<'welcome'> {
    return this.records.find((record) => record.type === 'welcome')!;
  }

  hello(hello: Hello = {}): void {
    this.send(helloRecord(hello));
  }

  /** Sends records as one message. */
  send(...records: WireRecord[]): void {
    this.webSocket.send(encode(records));
  }

  sendBytes(bytes: Uint8Array): void {
    this.webSocket.send(bytes);
  }

  /** The next record of a type; each is given once. */
  async next<T extends RecordType>(type: T): Promise<WireRecord<T>> {
    return (await this.queueOf(type).next()) as unknown as WireRecord<T>;
  }

  subscribe(
    subscription: number,
    topic: string,
    start: 'now' | 'start' | Position | { last: number } = 'now',
  ): void {
    const from = typeof start === 'string' ? start : 'last' in start ? 'last' : 'position';
    const { epoch, offset } =
      typeof start === 'string'
        ? { epoch: 0, offset: 0 }
        : 'last' in start
          ? { epoch: 0, offset: start.last }
          : start;
    this.send({ type: 'subscribe', subscription, topic, from, epoch, offset });
  }

  async subscribed(...args: Parameters<RawClient['subscribe']>): Promise<WireRecord<'subscribed'>> {
    this.subscribe(...args);
    return this.next('subscribed');
  }

  publish(sequence: number, topic: string, data: unknown): void {
    this.send({ type: 'publish', sequence, topic, payload: jsonCodec.encode(data) });
  }

  async published(...args: Parameters<RawClient['publish']>): Promise<WireRecord<'published'>> {
    this.publish(...args);
    return this.next('published');
  }

  request(request: number, method: string, data: unknown, finished = 0): void {
    this.send({ type: 'request', request, finished, method, payload: jsonCodec.encode(data) });
  }

  signal(topic: string, data: unknown): void {
    this.send({ type: 'signal', topic, payload: jsonCodec.encode(data) });
  }

  /** Waits until the server has taken and answered everything sent before. */
  async settled(): Promise<void> {
    const id = ++this.pings;
    this.send({ type: 'ping', id, tops: [] });
    while ((await this.next('pong')).id !== id);
  }

  /** Waits for so many messages. */
  async dataOf(count: number): Promise<unknown[]> {
    while (this.data.length < count) await this.next('messages');
    return this.data;
  }

  ofType<T extends RecordType>(type: T): WireRecord<T>[] {
    return this.records.filter((record) => record.type === type) as unknown as WireRecord<T>[];
  }

  /** How the server ended this connection. */
  end(): Promise<{ code: number; reason: string }> {
    return within('the end of the connection', this.closed);
  }

  async close(code = 1000, reason = ''): Promise<void> {
    this.webSocket.close(code, reason);
    await this.end();
  }

  private take(message: Buffer): void {
    const records = decode(message);
    if (typeof records === 'string')
      throw new Error(`The server sent what is ${records}: ${message.toString('hex')}`);
    for (const record of records) {
      this.records.push(record);
      if (record.type === 'messages')
        for (const { payload } of record.entries) this.data.push(decoded(payload));
      this.queueOf(record.type).push(record);
    }
  }

  private queueOf(type: RecordType): Queue<WireRecord> {
    let queue = this.queues.get(type);
    if (!queue) this.queues.set(type, (queue = new Queue(`a record "${type}"`)));
    return queue;
  }
}

/** Messages of these tests are JSON, but for some that are there to show that they need not be. */
function decoded(payload: Uint8Array): unknown {
  try {
    return jsonCodec.decode(payload);
  } catch {
    return payload;
  }
}

export function helloRecord(hello: Hello = {}): WireRecord<'hello'> {
  return {
    type: 'hello',
    connection: 1,
    resumeToken: '',
    token: '',
    node: '',
    sequenceSent: 0,
    requestSent: 0,
    ...hello,
  };
}
