import { docs } from '../intermediary.ts';
import type { Rule } from './rule.ts';

const timeouts = docs('Envoy documentation, "How do I configure timeouts?"');
const upgrades = docs('Envoy documentation, HTTP upgrades');

export const envoyRules = {
  ENV001: {
    severity: 'error',
    title: 'the upgrade to websocket is not enabled',
    why: 'Envoy refuses upgrades whose type is not listed.',
    fix: 'upgrade_configs:\n- upgrade_type: websocket',
    source: upgrades,
  },
  ENV002: {
    severity: 'error',
    title: 'the idle timeout of the stream ends silent sockets too early',
    why: 'A stream without a byte for that long is reset; timeout: 0s does not change it.',
    fix: 'idle_timeout: 3600s   # on the route of the WebSocket',
    source: timeouts,
  },
  ENV003: {
    severity: 'warning',
    title: 'a maximum duration cuts sockets at an age',
    why: 'Busy sockets are cut too.',
    fix: 'remove max_stream_duration and max_connection_duration, or raise them to a day',
    source: timeouts,
  },
  ENV004: {
    severity: 'info',
    title: 'the route has a response timeout',
    why: 'A WebSocket outlives it, but its fallbacks (long polling, server-sent events) are cut.',
    fix: 'timeout: 0s',
    source: timeouts,
  },
  ENV005: {
    severity: 'error',
    title: 'an HTTP/2 listener without extended CONNECT',
    why: 'A listener that speaks HTTP/2 only carries WebSockets by RFC 8441, which allow_connect switches on.',
    fix: 'http2_protocol_options:\n  allow_connect: true',
    source: upgrades,
  },
  ENV006: {
    severity: 'warning',
    title: 'the cluster speaks HTTP/2 without extended CONNECT',
    why: 'The upgrade becomes an extended CONNECT, which the backend must understand and the hop must allow.',
    fix: 'explicit_http_config:\n  http_protocol_options: {}',
    source: upgrades,
  },
  ENV007: {
    severity: 'error',
    title: 'the circuit breaker allows fewer connections than declared',
    why: 'An upgraded socket holds a connection to the cluster; the limit is 1024 unless set, then 503.',
    fix: 'circuit_breakers:\n  thresholds:\n  - max_connections: N\n    max_requests: N',
    source: docs('Envoy documentation, circuit breaking'),
  },
  ENV008: {
    severity: 'warning',
    title: 'a buffer filter stands in the way of the upgrade',
    why: 'A filter that waits for the whole body never lets an upgraded stream through.',
    fix: 'upgrade_configs:\n- upgrade_type: websocket\n  filters:\n  - name: envoy.filters.http.router',
    source: upgrades,
  },
  ENV009: {
    severity: 'error',
    title: 'a redirect answers the WebSocket',
    why: 'A browser does not follow a redirect when it opens a WebSocket.',
    fix: 'put a route for the path of the WebSocket before the redirect',
    source: docs('Envoy documentation, route matching'),
  },
} as const satisfies Record<string, Rule>;
