import { decode, encode } from '../../src/protocol/codec.ts';
import type { RecordType, WireRecord } from '../../src/protocol/schema.ts';
import { memoryLog } from '../../src/server/logs/memory.ts';
import { resolveOptions, type ServerOptions } from '../../src/server/options.ts';
import type { Machine, Reading } from '../../src/server/resources/machine.ts';
import { HoldfastServer } from '../../src/server/server.ts';
import { seededRandom } from '../../src/testing/seeded-random.ts';
import { VirtualClock } from '../../src/testing/virtual-clock.ts';
import { VirtualNetwork } from '../../src/testing/virtual-network.ts';
import { helloRecord, type Hello } from './raw-client.ts';

const plenty: Reading = {
  memory: { used: 0, limit: 2 ** 40 },
  heap: { used: 0, limit: 2 ** 40 },
  files: { used: 0, limit: 2 ** 20 },
  eventLoopDelayMs: 0,
};

/** A server in virtual time, on a machine whose resources a test sets as it likes. */
export class VirtualNode {
  readonly clock = new VirtualClock();
  readonly network: VirtualNetwork;
  readonly server: HoldfastServer;
  readonly lines: string[] = [];
  reading: Reading = plenty;
  private count = 0;

  private constructor(options: ServerOptions) {
    const random = seededRandom(1);
    this.network = new VirtualNetwork(this.clock, random);
    const clock = this.clock.process();
    const log = (text: string): void => void this.lines.push(text);
    const machine: Machine = { read: () => this.reading, close() {} };
    this.server = new HoldfastServer({
      options: resolveOptions({ logger: { info: log, warn: log }, ...options }),
      log: memoryLog(),
      clock,
      random,
      engine: this.network.engine(clock),
      machine,
    });
  }

  static async start(options: ServerOptions = {}): Promise<VirtualNode> {
    const node = new VirtualNode(options);
    const listening = node.server.listen(8080);
    await node.clock.advance(0);
    await listening;
    return node;
  }

  /** A connection from `address` that says hello as soon as it is open. */
  async dial(hello: Hello = {}, address = `198.51.100.${++this.count}`): Promise<VirtualPeer> {
    const peer = new VirtualPeer(this, address, hello);
    await this.clock.advance(10);
    return peer;
  }

  shortOf(resource: 'memory' | 'heap' | 'files', used: number): void {
    this.reading = { ...plenty, [resource]: { used: used * 2 ** 20, limit: 2 ** 20 } };
  }
}

export class VirtualPeer {
  readonly records: WireRecord[] = [];
  end: { code: number; reason: string } | undefined;
  private readonly socket: ReturnType<ReturnType<VirtualNetwork['dialer']>>;

  constructor({ network, clock }: VirtualNode, address: string, hello: Hello) {
    this.socket = network.dialer(address, clock.process())('ws://virtual:8080/', []);
    this.socket.onopen = () => this.send(helloRecord(hello));
    this.socket.onmessage = ({ data }: { data: Uint8Array }) => {
      this.records.push(...(decode(data) as WireRecord[]));
    };
    this.socket.onclose = (end: { code: number; reason: string }) => (this.end = end);
  }

  send(...records: WireRecord[]): void {
    this.socket.send(encode(records));
  }

  close(): void {
    this.socket.close(1000);
  }

  ofType<T extends RecordType>(type: T): WireRecord<T>[] {
    return this.records.filter((record) => record.type === type) as unknown as WireRecord<T>[];
  }

  get isWelcome(): boolean {
    return this.ofType('welcome').length > 0;
  }
}
