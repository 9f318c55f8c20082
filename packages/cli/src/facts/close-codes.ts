import { measured, standard, type Source } from './intermediary.ts';

const rfc = standard('RFC 6455, 7.4.1');
const registry = standard('IANA, WebSocket Close Code Number Registry');

/** What a page sees in `event.code`, and who can have put it there. */
export interface CloseCode {
  readonly code: string;
  readonly means: string;
  readonly from: string;
  readonly source: Source;
}

export const closeCodes: readonly CloseCode[] = [
  {
    code: '1000',
    means: 'One side was done.',
    from: 'the application, at either end; some platforms also say it at an age or when nobody spoke',
    source: rfc,
  },
  {
    code: '1001',
    means: 'An end goes away: the page was left, or the server stops.',
    from: 'the browser, the server at a deployment, and Caddy at a reload; API Gateway at its limits',
    source: measured('Caddy 2.6.2 on loopback'),
  },
  {
    code: '1002, 1003, 1007',
    means: 'What arrived broke the protocol, was of an unwanted type, or was not UTF-8.',
    from: 'an end that reads something else than was sent: a proxy that alters bytes, or two versions',
    source: rfc,
  },
  {
    code: '1005',
    means: 'A close without a code.',
    from: 'an application that called close() without arguments',
    source: rfc,
  },
  {
    code: '1006',
    means: 'Never sent by anybody: the connection ended without a close, or never opened.',
    from: 'every proxy, firewall, crash and lost network; only its time and place tell them apart',
    source: rfc,
  },
  {
    code: '1008',
    means: 'Refused for a reason of policy.',
    from: 'the server: credentials, rates, or too many fragments',
    source: rfc,
  },
  {
    code: '1009',
    means: 'A message was too big.',
    from: 'the receiving end, or a platform with a limit of its own',
    source: rfc,
  },
  { code: '1011', means: 'The server failed.', from: 'an exception in its handler', source: rfc },
  {
    code: '1012, 1013, 1014',
    means: 'A restart, a server that is too busy, or a gateway that got a bad answer.',
    from: 'the server or a gateway that knows WebSocket',
    source: registry,
  },
  {
    code: '1015',
    means: 'The TLS handshake failed. Never sent; browsers say 1006 instead.',
    from: 'programs that are not browsers',
    source: rfc,
  },
  {
    code: '3000 to 4999',
    means: 'What the library (3000 to 3999) or the application (4000 to 4999) says it means.',
    from: 'the server: read its reason',
    source: standard('RFC 6455, 7.4.2'),
  },
];
