import { idleTimeoutForHeartbeatMs } from '../facts/intermediaries.ts';

/** What a user must say before a proxy can be set up for WebSockets. */
export interface ProxySettings {
  /** Where the application listens, as "host:port". */
  readonly upstream: string;
  /** The name that clients use. */
  readonly host: string;
  /** The port that the proxy listens on. */
  readonly port: number;
  readonly path: string;
  readonly heartbeatMs: number;
  readonly connections: number;
  readonly tls?: { readonly certificate: string; readonly key: string };
  readonly productVersion?: string;
}

/** The silence that the proxy must bear, in whole seconds: two lost heartbeats. */
export function idleSeconds({ heartbeatMs }: ProxySettings): number {
  return idleTimeoutForHeartbeatMs(heartbeatMs) / 1_000;
}

/** Declared sockets and a fifth to spare, for the moment when clients come back before the old sockets are gone. */
export function socketsToHold({ connections }: ProxySettings): number {
  return Math.ceil(connections * 1.2);
}

/** The first line of each configuration: what it was made for, so that a reader can make it again. */
export function headline({ host, heartbeatMs, connections }: ProxySettings): string {
  return `WebSockets for ${host}: a heartbeat every ${heartbeatMs / 1_000} s, ${connections} sockets (holdfast config)`;
}
