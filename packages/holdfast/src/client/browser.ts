import { Client } from './client.ts';
import type { OnHint, Platform } from './driver.ts';
import { clientClock } from './clock.ts';
import type { WebSocketLike } from './dialer.ts';
import { askHttp, measureHttp } from './http-probe.ts';
import type { ClientOptions, Endpoints } from './options.ts';
import { watchSleep } from './sleep.ts';
import type { Contract } from './types.ts';

/** Events after which a connection may be dead without anybody having said so, and what each is a sign of. */
const signs: Record<string, (event: Event) => Parameters<OnHint>[0]> = {
  online: () => 'online',
  offline: () => 'offline',
  visibilitychange: () => (document.hidden ? 'hidden' : 'visible'),
  freeze: () => 'frozen',
  resume: () => 'frozen',
  pageshow: (event) => ((event as PageTransitionEvent).persisted ? 'restored' : 'visible'),
  focus: () => 'visible',
};

/** The Network Information API, where there is one. */
const network = (globalThis.navigator as { connection?: EventTarget & { type?: string } } | undefined)
  ?.connection;

export const platform: Platform = {
  clock: clientClock,
  random: Math.random,
  openSocket: (url, protocols) => new WebSocket(url, protocols) as unknown as WebSocketLike,
  // "Online" says nothing, and "offline" is at times a lie: it colours what people see, and stops nothing.
  isOnline: () => globalThis.navigator?.onLine !== false,
  networkType: () => network?.type ?? '',
  ask: askHttp,
  measure: measureHttp,
  watchHints(onHint) {
    const listening = new AbortController();
    // Some happen to the document; capturing, the window hears of them, too.
    const how = { capture: true, signal: listening.signal };
    for (const [name, signOf] of Object.entries(signs))
      globalThis.addEventListener?.(name, (event) => onHint(signOf(event)), how);
    network?.addEventListener?.('change', () => onHint('network-changed'), how);
    const stopSleep = watchSleep(
      () => globalThis.document?.hidden,
      (sleptMs) => onHint('slept', sleptMs),
    );
    return () => {
      listening.abort();
      stopSleep();
    };
  },
};

/**
 * Connects at once, and stays connected until `close()`. `endpoints` is an address, several, or a function that
 * gives them; `connect<MyContract>()` types topics and methods.
 *
 * @throws HoldfastError `invalid-option` for an address or option that can't work.
 */
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
