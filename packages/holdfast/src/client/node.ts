import { networkInterfaces } from 'node:os';
import { WebSocket } from 'ws';
import { Client } from './client.ts';
import type { OnHint, Platform } from './driver.ts';
import { clientClock } from './clock.ts';
import type { WebSocketLike } from './dialer.ts';
import { answerOf, measureHttp, type HttpAnswer } from './http-probe.ts';
import type { ClientOptions, Endpoints } from './options.ts';
import { watchSleep } from './sleep.ts';
import type { Contract } from './types.ts';

const platform: Platform = {
  clock: clientClock,
  random: Math.random,
  openSocket(url, protocols) {
    // Node's own WebSocket came with Node 22, and has no way to end a dead connection.
    const socket: WebSocket & { answer?: HttpAnswer } = new WebSocket(url, protocols, {
      perMessageDeflate: false,
      autoPong: true,
    });
    // So HTTP need not be asked before, as a page has to.
    socket.on('unexpected-response', (_request, { statusCode = 0, headers }) => {
      socket.answer = answerOf(statusCode, headers['retry-after']);
      socket.terminate();
    });
    return socket as unknown as WebSocketLike;
  },
  isOnline: () => true,
  measure: measureHttp,
  watchHints(onHint) {
    hearers.add(onHint);
    stopWatching ??= watch();
    return () => {
      hearers.delete(onHint);
      if (hearers.size > 0) return;
      stopWatching?.();
      stopWatching = undefined;
    };
  },
};

/** One watch serves all clients of a process: a gateway or a load test has thousands. */
const hearers = new Set<OnHint>();
let stopWatching: (() => void) | undefined;

function watch(): () => void {
  const tell: OnHint = (...hint) => hearers.forEach((hear) => hear(...hint));
  let addresses = ownAddresses();
  const timer = setInterval(() => {
    const present = ownAddresses();
    if (present !== addresses) tell('network-changed');
    addresses = present;
  }, NETWORK_CHECK_MS).unref();
  const stopSleep = watchSleep(
    () => false,
    (sleptMs) => tell('slept', sleptMs),
  );
  return () => {
    clearInterval(timer);
    stopSleep();
  };
}

/** Node has no event for a change of network; the list of addresses is cheap to read. */
const NETWORK_CHECK_MS = 5_000;

function ownAddresses(): string {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .map(({ address }) => address)
    .join();
}

/** `connect` for Node; `browser.ts` says the rest. */
export function connect<C extends Contract = Contract>(
  endpoints: Endpoints,
  options: ClientOptions = {},
): Client<C> {
  return new Client<C>(endpoints, options, platform);
}

export { HoldfastError, type ErrorCode } from '../protocol/error-codes.ts';
export type { PayloadCodec } from '../protocol/payload.ts';
export type { Position } from '../protocol/position.ts';
export type { Cause } from '../session/link.ts';
export type { Client } from './client.ts';
export type { EndpointScore } from './lines.ts';
export type { ClientOptions, ClientStorage, Endpoints } from './options.ts';
export type { Subscription } from './subscription.ts';
export type { Contract, Gap, Handler, Message, Phase, Start, Status, SubscribeOptions } from './types.ts';
