import { code, docs, type Intermediary } from './intermediary.ts';

const entryPoints = docs('Traefik documentation, EntryPoints');

export const traefik: Intermediary = {
  id: 'traefik',
  name: 'Traefik',
  kind: 'proxy',
  // Traefik names itself nowhere; "404 page not found" is what any Go server says.
  markers: [{ pattern: /^404 page not found\s*$/, strength: 'weak' }],
  idle: { kind: 'none', source: code('Traefik, server_entrypoint_tcp.go') },
  fixes: [
    {
      topic: 'reload',
      setting: 'transport.lifeCycle.graceTimeOut',
      default: '10s',
      file: 'the static configuration, entryPoints.<name>',
      snippet: 'transport:\n  lifeCycle:\n    requestAcceptGraceTimeout: 10s\n    graceTimeOut: 60s',
      why: 'After this time a stop closes open sockets without a Close frame.',
      source: entryPoints,
    },
  ],
  notes: [
    {
      text: 'An upgrade needs no setting on an HTTP router.',
      source: docs('Traefik documentation, WebSocket'),
    },
    {
      text: 'respondingTimeouts.readTimeout (60 s) bounds the handshake only; an open socket is out of its reach.',
      source: code('Traefik, static_config.go'),
    },
    {
      text: 'A change of the dynamic configuration keeps sockets; a restart closes them with 1006.',
      source: docs('Traefik documentation, EntryPoints'),
    },
    {
      text: 'A silent dead client stays until the TCP keepalive (3 minutes) or a heartbeat finds it.',
      source: code('Traefik, server_entrypoint_tcp.go'),
    },
    {
      text: 'WebSocket over HTTP/2 is switched off by default since 2.11.18, 3.2.5 and 3.3.1.',
      source: docs('Traefik, CHANGELOG'),
    },
  ],
};
