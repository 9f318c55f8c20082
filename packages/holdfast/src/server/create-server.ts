import type { Server as HttpServer } from 'node:http';
import { HoldfastError } from '../protocol/error-codes.ts';
import { systemClock } from './system-clock.ts';
import { nodeWsEngine } from './engines/node-ws.ts';
import { memoryLog } from './logs/memory.ts';
import { resolveOptions, type ServerOptions } from './options.ts';
import { nodeMachine } from './resources/node-machine.ts';
import { linuxProcesses } from './resources/processes.ts';
import { HoldfastServer } from './server.ts';

/** The largest `writableHighWaterMark` of a socket in the supported releases of Node. */
const NODE_HIGH_WATER_BYTES = 65_536;

/**
 * Makes a server on Node's HTTP server and `ws`. It serves nothing until `listen` or `attach` is called.
 *
 * @throws HoldfastError `invalid-option`, with the option's name and what was expected.
 */
export function createServer(options: ServerOptions = {}): HoldfastServer<HttpServer> {
  const resolved = resolveOptions(options);
  if (resolved.limits.socketHighWaterBytes < NODE_HIGH_WATER_BYTES) {
    const text = `createServer: "limits.socketHighWaterBytes" must be ${NODE_HIGH_WATER_BYTES} at least: below that, Node's sockets do not say when they have drained.`;
    throw new HoldfastError('invalid-option', text);
  }
  return new HoldfastServer<HttpServer>({
    options: resolved,
    log: options.log ?? memoryLog(),
    clock: systemClock,
    random: Math.random,
    engine: (host) => nodeWsEngine(host, options.path),
    machine: nodeMachine(),
    processes: linuxProcesses(),
  });
}

export { HoldfastError, type ErrorCode } from '../protocol/error-codes.ts';
export type { Limits } from '../protocol/limits.ts';
export type { PayloadCodec } from '../protocol/payload.ts';
export type { Position } from '../protocol/position.ts';
export { memoryLog, type MemoryLogOptions } from './logs/memory.ts';
export type { CauseId, ServerFlight, Verdict } from './causes/verdict.ts';
export type { ClusterStats } from './cluster/cluster-stats.ts';
export type { PresenceMessage } from './cluster/presence-topics.ts';
export type { Present } from './cluster/roster.ts';
export type { Handshake } from './engine.ts';
export type { MessageLog } from './message-log.ts';
export type { Disconnect } from './node.ts';
export type { Action, AuthenticateRequest, Identity, Logger, ServerOptions } from './options.ts';
export type { HoldfastServer } from './server.ts';
export type {
  DrainOptions,
  HistoryMessage,
  HistoryPage,
  MethodContext,
  PublishOptions,
  ReadOptions,
  ServerEvents,
  ServerStats,
  SessionHandle,
  TopicHandle,
} from './types.ts';
export type { TopicOptions } from './topic-options.ts';
