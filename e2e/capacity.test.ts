import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { LoadReport } from '../packages/cli/src/load/tally.ts';
import type { PreflightReport } from '../packages/cli/src/preflight/report.ts';
import { requirePeer, systemEnv } from './peers.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const NODE = [process.execPath, '--conditions=source', '--import', 'tsx'];
const HOLDFAST = [...NODE, 'packages/cli/src/main.ts'];

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function start(command: readonly string[]): ChildProcess {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { cwd: root, env: systemEnv });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

function ended(child: ChildProcess): Promise<Ended> {
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}

describe.runIf(process.platform === 'linux')(
  'holdfast preflight, on this machine',
  { timeout: 60_000 },
  () => {
    it.each(['ws', 'holdfast'])(
      'measures a server of %s, and believes only what is plausible',
      async (server) => {
        const args = ['preflight', '--connections', '500', '--sample', '300', '--server', server, '--json'];
        const { code, out, err } = await ended(start([...HOLDFAST, ...args]));
        expect(err).toBe('');
        const { measured, limits } = JSON.parse(out) as PreflightReport;
        expect(measured).toMatchObject({ server, connections: 300 });
        // A socket alone takes more than 1 KiB, and neither server takes 1 MiB.
        expect(measured.processBytes).toBeGreaterThan(1_024);
        expect(measured.processBytes).toBeLessThan(1_048_576);
        expect(measured.handshakesPerCpuSecond).toBeGreaterThan(10);
        expect(limits.find(({ id }) => id === 'process-files')?.connectionsMax).toBeGreaterThan(0);
        expect([0, 1]).toContain(code);
      },
    );

    it('takes the limits of another process: 200 files', async () => {
      const server = start(['sh', '-c', 'ulimit -n 200; exec sleep 60']);
      const args = ['preflight', '--connections', '5000', '--sample', '100', '--pid', String(server.pid)];
      const { code, out } = await ended(start([...HOLDFAST, ...args]));
      expect(out).toContain('What binds first: open files of the process, at 136 connections.');
      expect(out).toMatch(/ulimit -n 6000|LimitNOFILE=6000/);
      expect(out).toMatch(/before +136 connections/);
      expect(code).toBe(1);
    });
  },
);

const LOADED_SERVER = `
import { WebSocketServer } from 'ws';
const sources = new Set();
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, backlog: 1024 }, () => console.log(server.address().port));
server.on('connection', (socket, { socket: { remoteAddress } }) => {
  sources.add(remoteAddress);
  socket.on('error', () => {});
  socket.on('message', () => socket.send(String(sources.size)));
});
`;

describe.runIf(requirePeer('netns', 'ip'))('holdfast load, when ports run out', { timeout: 60_000 }, () => {
  it('leaves from several addresses', async () => {
    const inside = [
      'ip link set lo up',
      'sysctl -qw net.ipv4.ip_local_port_range="40000 40099"',
      `${NODE[0]} --input-type=module -e '${LOADED_SERVER.replaceAll("'", '"')}' > "$0" & server=$!`,
      'until [ -s "$0" ]; do sleep 0.05; done',
      `${HOLDFAST.join(' ')} load ws://127.0.0.1:$(cat "$0")/ --connections 250 --for 4s --rate 500 --json`,
      'code=$?; kill $server; rm -f "$0"; exit $code',
    ].join('\n');
    const port = `/tmp/holdfast-port-${process.pid}`;
    const { code, out, err } = await ended(start(['unshare', '--net', 'sh', '-c', inside, port]));
    expect(err).toBe('');
    const report = JSON.parse(out) as LoadReport;
    expect(report.errors).toEqual({});
    // 100 ports for each, of which some stay free.
    expect(report.sourceAddresses).toBeGreaterThanOrEqual(3);
    expect(report.heldMax).toBe(250);
    expect(code).toBe(0);
  });
});
