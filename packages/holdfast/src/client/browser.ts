import { Client, type Platform } from './client.ts';
import { clientClock } from './clock.ts';
import type { WebSocketLike } from './dialer.ts';
import type { ClientOptions, Endpoints } from './options.ts';
import type { Contract } from './types.ts';

/** Events after which a connection may be dead without anybody having said so: each means "probe now". */
const hints = ['online', 'offline', 'visibilitychange', 'resume', 'pageshow', 'focus'];

const platform: Platform = {
  clock: clientClock,
  random: Math.random,
  openSocket: (url, protocols) => new WebSocket(url, protocols) as unknown as WebSocketLike,
  // "Online" says nothing, and "offline" is at times a lie: it colours what people see, and stops nothing.
  isOnline: () => globalThis.navigator?.onLine !== false,
  watchHints(onHint) {
    const listener = ({ type }: { type: string }): void => onHint(type === 'online');
    // `visibilitychange` and `resume` happen to the document; capturing, the window hears of them, too.
    for (const name of hints) globalThis.addEventListener?.(name, listener, true);
    return () => {
      for (const name of hints) globalThis.removeEventListener?.(name, listener, true);
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
export type { Cause } from '../session/links.ts';
export type { Client } from './client.ts';
export type { ClientOptions, ClientStorage, Endpoints } from './options.ts';
export type { Subscription } from './subscription.ts';
export type { Contract, Gap, Handler, Message, Phase, Start, Status, SubscribeOptions } from './types.ts';
