import { BadInput } from '../../bad-input.ts';
import { isIP } from 'node:net';
import { shownAddress } from '../shown-address.ts';

/** Where one way leads, taken apart once. */
export interface Target {
  /** As reports show it. */
  readonly url: string;
  readonly secure: boolean;
  /** Without brackets when it is an IPv6 address. */
  readonly host: string;
  readonly port: number;
  /** The value of the Host header. */
  readonly authority: string;
  /** Path and query, as the request line carries them. */
  readonly resource: string;
  /** What a browser on the same site sends as Origin. */
  readonly origin: string;
  readonly isAddress: boolean;
}

export function parseTarget(text: string): Target {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new BadInput(
      `"${shownAddress(text)}" is not a WebSocket address; one looks like wss://example.com/socket.`,
    );
  }
  if (url.protocol === 'http:' || url.protocol === 'https:') {
    const scheme = url.protocol === 'https:' ? 'wss' : 'ws';
    throw new BadInput(
      `${shownAddress(text)} is an HTTP address; give the address of the WebSocket, perhaps ${scheme}://${url.host}${url.pathname}.`,
    );
  }
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') {
    throw new BadInput(
      `"${shownAddress(text)}" is not a WebSocket address: it must begin with ws:// or wss://.`,
    );
  }
  if (url.hostname === '') throw new BadInput(`"${shownAddress(text)}" names no host.`);
  if (url.username || url.password) {
    throw new BadInput('A name or password in the address is not sent; use --header "Authorization: …".');
  }
  const secure = url.protocol === 'wss:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return {
    url: shownAddress(`${url.protocol}//${url.host}${url.pathname}${url.search}`),
    secure,
    host,
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    authority: url.host,
    resource: `${url.pathname}${url.search}`,
    origin: `${secure ? 'https' : 'http'}://${url.host}`,
    isAddress: isIP(host) !== 0,
  };
}
