import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { must } from './program.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** An echo server on ws that listens everywhere and says its port. */
const SERVER = `
import { WebSocketServer } from 'ws';
const server = new WebSocketServer({ port: 0 }, () => console.log(server.address().port));
server.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
`;

let made = 0;

export interface Network {
  readonly url: string;
  /** Replaces the firewall before the server; the rules go inside a chain for incoming packets. */
  firewall(rules: string): void;
  stop(): Promise<void>;
}

/**
 * A server in a network of its own, reached over a pair of virtual cards, with a firewall that keeps
 * state: after `forgetsAfterS` of silence it no longer knows a connection.
 */
export async function serverInNetwork(rules: string, forgetsAfterS?: number): Promise<Network> {
  made += 1;
  const name = `hfz${process.pid}-${made}`;
  const card = `hf${process.pid % 100_000}x${made}`;
  const subnet = `10.${200 + (made % 50)}.${process.pid % 250}`;
  const inside = (command: string, ...args: string[]) =>
    must('ip', ['netns', 'exec', name, command, ...args]);
  must('ip', ['netns', 'add', name]);
  const remove = () => {
    // Sockets that nobody answers would keep the namespace, and with it the card, for minutes.
    spawnSync('ip', ['link', 'delete', card]);
    must('ip', ['netns', 'delete', name]);
  };
  try {
    must('ip', ['link', 'add', card, 'type', 'veth', 'peer', 'name', 'inner', 'netns', name]);
    must('ip', ['address', 'add', `${subnet}.1/30`, 'dev', card]);
    must('ip', ['link', 'set', card, 'up']);
    inside('ip', 'address', 'add', `${subnet}.2/30`, 'dev', 'inner');
    inside('ip', 'link', 'set', 'inner', 'up');
    inside('ip', 'link', 'set', 'lo', 'up');
    const firewall = (text: string) => {
      const table = `table inet zoo {\n chain incoming {\n  type filter hook input priority 0;\n  ${text}\n }\n}\n`;
      must(
        'ip',
        ['netns', 'exec', name, 'nft', '-f', '-'],
        `table inet zoo {}\ndelete table inet zoo\n${table}`,
      );
    };
    firewall(rules);
    if (forgetsAfterS !== undefined) {
      // A packet in the middle of a connection that is no longer known must not open it again.
      inside('sysctl', '-qw', 'net.netfilter.nf_conntrack_tcp_loose=0');
      inside('sysctl', '-qw', `net.netfilter.nf_conntrack_tcp_timeout_established=${forgetsAfterS}`);
    }
    const { port, stop } = await startServer(name);
    return {
      url: `ws://${subnet}.2:${port}/`,
      firewall,
      stop: async () => {
        await stop();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

async function startServer(namespace: string): Promise<{ port: number; stop(): Promise<void> }> {
  const child = spawn(
    'ip',
    ['netns', 'exec', namespace, process.execPath, '--input-type=module', '-e', SERVER],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString())));
    child.once('exit', () => reject(new Error('the server in the namespace ended')));
  });
  return {
    port,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
    },
  };
}
