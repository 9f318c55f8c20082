import { AckPolicy, DeliverPolicy, type ConsumerConfig } from '@nats-io/jetstream';
import { createInbox, errors, type Msg } from '@nats-io/transport-node';
import { clearTimeout, setTimeout } from 'node:timers';
import type { Connection } from './connection.ts';

export interface ReadMessage {
  sequence: number;
  /** Empty when only headers were asked for. */
  payload: Uint8Array;
  size: number;
  /** When it was appended, by the clock of the node that did. */
  atMs: number;
}

export interface ReaderSettings {
  subject: string;
  from: number;
  headersOnly?: boolean;
}

/** The header that holds a message’s time: the server's own would not follow the nodes' clock. */
export const TIME_HEADER = 'Holdfast-Time';
/** NATS deletes the consumer of a reader that was left alone for so long. */
const INACTIVE_MS = 30_000;
/** A batch can’t be asked for twice, because what was delivered is not delivered again; so its messages get their time. */
const MESSAGE_WAIT_MS = 10_000;

/** Reads one subject from a sequence on, in order: an ephemeral pull consumer without acknowledgements. */
export class Reader {
  /** How many messages there were to read, when last heard. */
  pending: number;
  private delivered = 0;
  private readonly connection: Connection;
  private readonly stream: string;
  private readonly consumer: string;

  private constructor(connection: Connection, stream: string, consumer: string, pending: number) {
    this.connection = connection;
    this.stream = stream;
    this.consumer = consumer;
    this.pending = pending;
  }

  static async open(connection: Connection, stream: string, settings: ReaderSettings): Promise<Reader> {
    const config: ConsumerConfig = {
      filter_subject: settings.subject,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: settings.from,
      ack_policy: AckPolicy.None,
      inactive_threshold: INACTIVE_MS * 1_000_000,
      headers_only: settings.headersOnly ?? false,
      mem_storage: true,
      num_replicas: 1,
    } as ConsumerConfig;
    const { name, num_pending } = await connection.manager.consumers.add(stream, config);
    return new Reader(connection, stream, name, num_pending);
  }

  /**
   * The next messages: fewer than asked for when there are no more, or when the next would not fit. Rejects when one
   * was lost on its way; the reader is of no more use then.
   */
  async take(countMax: number, bytesMax?: number): Promise<ReadMessage[]> {
    const batch = Math.min(countMax, this.pending);
    if (batch === 0) return [];
    const request = { batch, no_wait: true, ...(bytesMax !== undefined && { max_bytes: bytesMax }) };
    const taken: ReadMessage[] = [];
    await this.ask(JSON.stringify(request), (message) => {
      if (message.headers && message.headers.code >= 400) return 'done';
      const { sequence, delivery, pending } = placeOf(message.reply ?? '');
      if (delivery !== ++this.delivered) throw new Error('A message from the stream was lost on its way');
      this.pending = pending;
      taken.push(decode(message, sequence));
      return taken.length === batch ? 'done' : 'more';
    });
    // Asked for without limit of size, nothing came: what was to be read has been dropped meanwhile.
    if (taken.length === 0 && bytesMax === undefined) this.pending = 0;
    return taken;
  }

  close(): void {
    // NATS does so by itself some time later.
    this.connection.manager.consumers.delete(this.stream, this.consumer).catch(() => {});
  }

  /** `take` is given what comes, until it has all. */
  private async ask(request: string, take: (message: Msg) => 'more' | 'done'): Promise<void> {
    const { nats } = this.connection;
    const inbox = createInbox();
    await this.connection.unlessLost(
      new Promise<void>((resolve, reject) => {
        const end = (error?: Error): void => {
          clearTimeout(timer);
          subscription.unsubscribe();
          if (error) reject(error);
          else resolve();
        };
        const timer = setTimeout(() => end(new errors.TimeoutError()), MESSAGE_WAIT_MS);
        const subscription = nats.subscribe(inbox, {
          callback: (error, message) => {
            try {
              if (error) end(error);
              else if (take(message) === 'done') end();
              else timer.refresh();
            } catch (failure) {
              end(failure as Error);
            }
          },
        });
        nats.publish(`$JS.API.CONSUMER.MSG.NEXT.${this.stream}.${this.consumer}`, request, { reply: inbox });
      }),
    );
  }
}

function decode({ headers, data }: Msg, sequence: number): ReadMessage {
  const size = headers?.get('Nats-Msg-Size');
  return {
    sequence,
    // A copy: it would else keep all that came in one read from the socket.
    payload: new Uint8Array(data),
    size: size ? Number(size) : data.length,
    atMs: Number(headers?.get(TIME_HEADER)) || 0,
  };
}

/** The reply subject of a delivery says where it stands; servers with accounts or domains put two tokens more before it. */
function placeOf(reply: string): { sequence: number; delivery: number; pending: number } {
  const tokens = reply.split('.');
  const start = tokens.length > 9 ? 7 : 5;
  return {
    sequence: Number(tokens[start]),
    delivery: Number(tokens[start + 1]),
    pending: Number(tokens[start + 3]),
  };
}
