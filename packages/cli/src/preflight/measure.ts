import { type ChildProcess, fork } from 'node:child_process';
import { once, setMaxListeners } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Budget } from '../doctor/probe/budget.ts';
import type { ProbeConnection } from '../doctor/probe/connection.ts';
import { dial } from '../doctor/probe/handshake.ts';
import { emptyMemory, HOLDFAST_SUBPROTOCOL, HoldfastPeer } from '../load/peer.ts';
import { BadInput } from '../bad-input.ts';
import { parseTarget } from '../doctor/probe/target.ts';
import type { Measured, ServerKind } from './measured.ts';
import type { Answer, Call, Weight } from './measured-server.ts';
import { parseKilobytes } from './proc-files.ts';
import type { ReadText } from './system-facts.ts';

/** Opened before the first weighing, so that code and tables that come once are not counted for each. */
const WARM_UP = 100;
const AT_ONCE = 50;
const PINGS_EACH = 5;
const TIMEOUT_MS = 10_000;
const FRAME_BYTES_MAX = 64;
/** The handshake, and with Holdfast the hello. */
const OPENING_BYTES_MAX = 2_048;
/** Both ends of a connection stand on this machine. */
const SOCKETS_EACH = 2;
/** Beyond these a measurement shows what others did meanwhile. */
const KERNEL_BYTES_MIN = 1_024;
const KERNEL_BYTES_MAX = 16_384;

/** Opens `connections` to a server of its own and weighs that. Throws `BadInput` when it could not be done. */
export async function measure(
  server: ServerKind,
  connections: number,
  read: ReadText,
  signal: AbortSignal,
): Promise<Measured> {
  const program = fileURLToPath(
    new URL(`./measured-server.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
  );
  const child = fork(program, { execArgv: [...process.execArgv, '--expose-gc'], signal });
  // An abort is met where the answer is awaited.
  child.on('error', () => {});
  const held: ProbeConnection[] = [];
  try {
    const { port } = await call(child, { call: 'listen', server }, signal);
    const open = opener(server, port, WARM_UP + connections, signal);
    held.push(...(await open(WARM_UP)));
    const kernelBefore = kernelBytes(read);
    const before = await call(child, { call: 'weigh' }, signal);
    held.push(...(await open(connections)));
    const after = await call(child, { call: 'weigh' }, signal);
    const kernelAfter = kernelBytes(read);
    for (let turn = 0; turn < PINGS_EACH; turn += 1) {
      await Promise.all(held.map((connection) => connection.ping(TIMEOUT_MS)));
    }
    const pinged = await call(child, { call: 'weigh' }, signal);
    const idle = await call(child, { call: 'weigh' }, signal);
    return measuredFrom({ server, connections, before, after, pinged, idle, kernelBefore, kernelAfter });
  } finally {
    for (const connection of held) connection.drop();
    child.kill('SIGKILL');
  }
}

export interface Weighings {
  readonly server: ServerKind;
  readonly connections: number;
  readonly before: Weight;
  readonly after: Weight;
  readonly pinged: Weight;
  /** Right after `pinged`: the difference is the price of weighing. */
  readonly idle: Weight;
  readonly kernelBefore: number | null;
  readonly kernelAfter: number | null;
}

/** The costs of one connection out of the weighings. Pure. */
export function measuredFrom(weighings: Weighings): Measured {
  const { server, connections, before, after, pinged, idle, kernelBefore, kernelAfter } = weighings;
  const each = (from: number, to: number): number => Math.max(0, (to - from) / connections);
  const weighingMs = idle.cpuMs - pinged.cpuMs;
  const openingMs = Math.max(1, after.cpuMs - before.cpuMs - weighingMs);
  const pingingMs = Math.max(1, pinged.cpuMs - after.cpuMs - weighingMs);
  // The process may have had room left over before, and then it grew by less than it used.
  const processBytes = Math.max(
    each(before.rssBytes, after.rssBytes),
    each(before.usedBytes, after.usedBytes),
  );
  const kernel =
    kernelBefore === null || kernelAfter === null ? null : each(kernelBefore, kernelAfter) / SOCKETS_EACH;
  return {
    server,
    connections,
    processBytes: Math.round(processBytes),
    heapBytes: Math.round(each(before.heapBytes, after.heapBytes)),
    kernelBytes:
      kernel !== null && kernel >= KERNEL_BYTES_MIN && kernel <= KERNEL_BYTES_MAX ? Math.round(kernel) : null,
    handshakesPerCpuSecond: Math.round((connections / openingMs) * 1_000),
    pingCpuMs: pingingMs / ((connections + WARM_UP) * PINGS_EACH),
    heapLimitBytes: after.heapLimitBytes,
    heapUsedBytes: before.heapBytes,
  };
}

/** What the kernel's own tables hold (Slab of proc_meminfo(5)): sockets, inodes, files, epoll items. */
function kernelBytes(read: ReadText): number | null {
  return parseKilobytes(read('/proc/meminfo'), 'Slab');
}

function opener(server: ServerKind, port: number, total: number, signal: AbortSignal) {
  const budget = new Budget({
    connections: total,
    concurrentConnections: total,
    bytes: total * (OPENING_BYTES_MAX + PINGS_EACH * FRAME_BYTES_MAX),
  });
  const options = {
    budget,
    origin: null,
    headers: [],
    subprotocols: server === 'holdfast' ? [HOLDFAST_SUBPROTOCOL] : [],
    timeoutMs: TIMEOUT_MS,
    answerTimeoutMs: TIMEOUT_MS,
    signal,
  };
  setMaxListeners(0, signal);
  const target = parseTarget(`ws://127.0.0.1:${port}/`);
  return async (wanted: number): Promise<readonly ProbeConnection[]> => {
    const opened: ProbeConnection[] = [];
    while (opened.length < wanted) {
      const turn = Math.min(AT_ONCE, wanted - opened.length);
      for (const { connection, outcome } of await Promise.all(
        Array.from({ length: turn }, () => dial(target, options)),
      )) {
        signal.throwIfAborted();
        if (connection === null) {
          throw new BadInput(
            `The measurement ended after ${opened.length} connections: ${outcome.kind === 'no-line' ? outcome.code : outcome.kind}. Try fewer with --sample.`,
          );
        }
        if (server === 'holdfast') await join(connection);
        opened.push(connection);
      }
    }
    return opened;
  };
}

/** A session with one subscription, because without them a server of Holdfast keeps next to nothing. */
async function join(connection: ProbeConnection): Promise<void> {
  const settings = { send: null, timeoutMs: TIMEOUT_MS, token: '', topic: 'preflight', subscribe: true };
  const { welcomed } = new HoldfastPeer(connection, settings, emptyMemory());
  if (!(await welcomed)) throw new BadInput('The server for the measurement let nobody in.');
}

type AnswerTo<C extends Call> = C extends { call: 'listen' } ? Extract<Answer, { port: number }> : Weight;

async function call<C extends Call>(
  child: ChildProcess,
  message: C,
  signal: AbortSignal,
): Promise<AnswerTo<C>> {
  const gone = new AbortController();
  const onGone = (): void => gone.abort(new BadInput('The server for the measurement did not start.'));
  child.once('exit', onGone);
  try {
    const answer = once(child, 'message', { signal: AbortSignal.any([signal, gone.signal]) });
    child.send(message, () => {});
    const [value] = (await answer) as [AnswerTo<C>];
    return value;
  } catch (error) {
    throw gone.signal.aborted && !signal.aborted ? gone.signal.reason : error;
  } finally {
    child.off('exit', onGone);
  }
}
