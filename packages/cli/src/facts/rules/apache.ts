import { docs, measured } from '../intermediary.ts';
import type { Rule } from './rule.ts';

const lab = measured('Apache httpd 2.4.71 on loopback');
const modProxy = docs('Apache httpd manual, mod_proxy');
const tunnel = docs('Apache httpd manual, mod_proxy_wstunnel');

export const apacheRules = {
  APA001: {
    severity: 'error',
    title: 'the upgrade is not forwarded',
    why: 'The backend sees a plain GET and answers 200, 404 or 426 instead of 101.',
    fix: 'ProxyPass "/ws" "http://127.0.0.1:8080/ws" upgrade=websocket',
    source: lab,
  },
  APA002: {
    severity: 'error',
    title: 'an earlier rule catches the path of the ws:// rule',
    why: 'The first ProxyPass that fits wins, so the WebSocket goes to the http:// target as a plain GET.',
    fix: 'put the ws:// rule before the http:// rule',
    source: tunnel,
  },
  APA003: {
    severity: 'error',
    title: 'the timeouts end silent sockets too early',
    why: 'The larger of Timeout and the timeout of the proxy closes a silent socket: the client sees 1006.',
    fix: 'ProxyTimeout 90   # two to three heartbeats; 3600 without a heartbeat',
    source: lab,
  },
  APA004: {
    severity: 'warning',
    title: 'a proxy timeout below Timeout has no effect on sockets',
    why: 'The larger of the two ends a silent socket.',
    fix: 'lower Timeout too, or raise the timeout of the proxy',
    source: lab,
  },
  APA005: {
    severity: 'error',
    title: 'MaxRequestWorkers is below the declared sockets',
    why: 'Each open socket holds a worker thread; the next clients wait in the backlog.',
    fix: 'ServerLimit N\nMaxRequestWorkers N',
    source: docs('Apache httpd manual, mpm_common'),
  },
  APA006: {
    severity: 'error',
    title: 'a redirect answers the WebSocket',
    why: 'A browser does not follow a redirect when it opens a WebSocket.',
    fix: 'RewriteCond %{HTTP:Upgrade} !websocket [NC]   # before the rule',
    source: docs('Apache httpd manual, mod_rewrite'),
  },
  APA007: {
    severity: 'error',
    title: 'the module that carries the WebSocket is not loaded',
    why: 'Apache refuses to start, or answers 500 with "No protocol handler was valid".',
    fix: 'a2enmod proxy_http   # ws:// targets: a2enmod proxy_wstunnel',
    source: modProxy,
  },
  APA008: {
    severity: 'warning',
    title: 'the test of the Upgrade header minds upper and lower case',
    why: 'Clients that send "WebSocket" are treated as plain requests (RFC 6455 section 4.2.1: any case).',
    fix: 'RewriteCond %{HTTP:Upgrade} =websocket [NC]',
    source: docs('Apache httpd manual, mod_rewrite'),
  },
  APA009: {
    severity: 'warning',
    title: 'the Host header is not forwarded',
    why: 'The backend sees the name of the target; comparing Origin with Host fails with 403.',
    fix: 'ProxyPreserveHost On',
    source: modProxy,
  },
  APA010: {
    severity: 'error',
    title: 'the test of the Upgrade header looks at no header',
    why: '${…} asks a map or a define, so the condition never holds and WebSockets go the way of plain requests.',
    fix: 'RewriteCond %{HTTP:Upgrade} websocket [NC]',
    source: lab,
  },
} as const satisfies Record<string, Rule>;
