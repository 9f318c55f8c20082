import { code, docs, measured, type Intermediary } from './intermediary.ts';

const reverseProxy = docs('Caddy documentation, reverse_proxy');
const lab = measured('Caddy 2.6.2 on loopback');

export const caddy: Intermediary = {
  id: 'caddy',
  name: 'Caddy',
  kind: 'proxy',
  markers: [
    { header: 'server', pattern: /^Caddy$/i, strength: 'strong' },
    { header: 'via', pattern: /\bCaddy\b/i, strength: 'strong' },
  ],
  idle: { kind: 'none', source: lab },
  fixes: [
    {
      topic: 'reload',
      setting: 'stream_close_delay',
      default: '0: every load of a configuration closes all sockets with 1001',
      file: 'Caddyfile, inside reverse_proxy (2.7 or newer)',
      snippet: 'reverse_proxy 127.0.0.1:8080 {\n\tstream_close_delay 5m\n}',
      why: 'Sockets outlive a reload for this time, so clients can leave one by one.',
      source: reverseProxy,
    },
    {
      topic: 'lifetime',
      setting: 'stream_timeout',
      default: 'none',
      file: 'Caddyfile, inside reverse_proxy (2.7 or newer)',
      snippet: 'reverse_proxy 127.0.0.1:8080 {\n\tstream_timeout 24h\n}',
      why: 'A cut at this age, however busy the connection is; remove it or raise it.',
      source: reverseProxy,
    },
    {
      topic: 'reload',
      setting: 'grace_period',
      default: 'waits without a limit',
      file: 'Caddyfile, global options',
      snippet: '{\n\tgrace_period 30s\n}',
      why: 'Bounds a shutdown.',
      source: docs('Caddy documentation, global options'),
    },
  ],
  notes: [
    {
      text: 'No idle limit at all: a dead peer is found by TCP keepalive (15 s by default) or by a heartbeat.',
      source: lab,
    },
    {
      text: 'Up to 2.6.2 (the Debian 12 package) a reload sends an unmasked Close frame to the backend; a Node server without an error handler dies of it. Fixed in 2.6.3.',
      source: lab,
    },
    {
      text: 'Since 2.9 a WebSocket over HTTP/2 or HTTP/3 is turned into an HTTP/1.1 upgrade towards the backend.',
      source: code('Caddy, modules/caddyhttp/reverseproxy'),
    },
  ],
};
