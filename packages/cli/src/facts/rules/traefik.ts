import { docs } from '../intermediary.ts';
import type { Rule } from './rule.ts';

const entryPoints = docs('Traefik documentation, EntryPoints');
const middlewares = docs('Traefik documentation, HTTP middlewares');

export const traefikRules = {
  TRF001: {
    severity: 'info',
    title: 'graceTimeOut is short',
    why: 'A stop or restart waits this long for open sockets, then closes them without a Close frame.',
    fix: 'transport:\n  lifeCycle:\n    graceTimeOut: 60s',
    source: entryPoints,
  },
  TRF002: {
    severity: 'warning',
    title: 'writeTimeout is set',
    why: 'Long answers such as the fallbacks of a WebSocket are cut at this age.',
    fix: 'writeTimeout: 0s',
    source: entryPoints,
  },
  TRF003: {
    severity: 'warning',
    title: 'inFlightReq counts open sockets',
    why: 'An open socket is a request that does not end; past the amount clients are answered 429.',
    fix: 'remove inFlightReq from this router, or size it for held sockets',
    source: middlewares,
  },
  TRF004: {
    severity: 'warning',
    title: 'rateLimit without burst',
    why: 'The burst is 1 by default: when many clients come back at once they are answered 429.',
    fix: 'rateLimit:\n  average: 100\n  burst: 200',
    source: middlewares,
  },
  TRF005: {
    severity: 'error',
    title: 'a redirect answers the WebSocket',
    why: 'A browser does not follow a redirect when it opens a WebSocket.',
    fix: 'take the redirect off the router of the WebSocket',
    source: middlewares,
  },
  TRF006: {
    severity: 'warning',
    title: 'the Host header is not forwarded',
    why: 'The backend sees its own name; comparing Origin with Host fails with 403.',
    fix: 'passHostHeader: true',
    source: docs('Traefik documentation, services'),
  },
  TRF007: {
    severity: 'warning',
    title: 'an h2c backend behind a WebSocket',
    why: 'An upgrade towards h2c fails before Traefik 3.6.22 and 3.7.6.',
    fix: 'url: http://…   # instead of h2c://',
    source: docs('Traefik, CHANGELOG'),
  },
} as const satisfies Record<string, Rule>;
