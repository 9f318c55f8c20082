import { code, docs } from '../intermediary.ts';
import type { Rule } from './rule.ts';

const reverseProxy = docs('Caddy documentation, reverse_proxy');

export const caddyRules = {
  CAD001: {
    severity: 'warning',
    title: 'stream_timeout cuts sockets at an age',
    why: 'It is a lifetime and not an idle limit: busy sockets are cut too, without a Close frame.',
    fix: 'remove stream_timeout, or raise it to a day',
    source: reverseProxy,
  },
  CAD002: {
    severity: 'info',
    title: 'stream_close_delay is not set',
    why: 'Each load of the configuration closes all sockets at once with 1001.',
    fix: 'stream_close_delay 5m',
    source: reverseProxy,
  },
  CAD003: {
    severity: 'error',
    title: 'read_timeout of the transport ends silent sockets',
    why: 'It is a deadline for each read from the backend, so silence of the backend ends the socket.',
    fix: 'remove read_timeout from the transport',
    source: reverseProxy,
  },
  CAD004: {
    severity: 'error',
    title: 'header_up removes or replaces the Upgrade headers',
    why: 'The backend sees a plain GET.',
    fix: 'remove this line',
    source: reverseProxy,
  },
  CAD005: {
    severity: 'error',
    title: 'a redirect answers the WebSocket',
    why: 'redir runs before reverse_proxy, and a browser does not follow a redirect when it opens a WebSocket.',
    fix: 'give redir a matcher that leaves the path of the WebSocket out',
    source: docs('Caddy documentation, directive order'),
  },
  CAD006: {
    severity: 'error',
    title: 'the transport speaks HTTP/2 only',
    why: 'An upgrade cannot be sent to a backend over HTTP/2.',
    fix: 'remove versions from the transport, or: versions 1.1',
    source: code('Go, golang.org/x/net/http2'),
  },
  CAD007: {
    severity: 'warning',
    title: 'a limit on open requests counts open sockets',
    why: 'An open socket is a request that does not end; past the limit the backend counts as down.',
    fix: 'remove unhealthy_request_count, or size it for held sockets',
    source: reverseProxy,
  },
} as const satisfies Record<string, Rule>;
