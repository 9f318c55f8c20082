import { docs, measured, type Intermediary } from './intermediary.ts';

const manual = docs('HAProxy configuration manual');
const lab = measured('HAProxy 2.6.12 on loopback');

export const haproxy: Intermediary = {
  id: 'haproxy',
  name: 'HAProxy',
  kind: 'proxy',
  markers: [
    // HAProxy adds no header of its own; only the pages that it makes itself give it away.
    { pattern: /<h1>503 Service Unavailable<\/h1>\s*No server is available/, strength: 'strong' },
    { pattern: /<h1>504 Gateway Time-out<\/h1>\s*The server didn't respond in time/, strength: 'strong' },
    {
      pattern: /<h1>502 Bad Gateway<\/h1>\s*The server returned an invalid or incomplete/,
      strength: 'strong',
    },
    { pattern: /<h1>400 Bad request<\/h1>\s*Your browser sent an invalid request/, strength: 'strong' },
    { pattern: /<h1>408 Request Time-out<\/h1>\s*Your browser didn't send/, strength: 'strong' },
    { pattern: /<h1>403 Forbidden<\/h1>\s*Request forbidden by administrative rules/, strength: 'strong' },
  ],
  idle: {
    kind: 'timer',
    // No built-in default exists; this is what Debian's haproxy.cfg sets for client and server.
    defaultMs: 50_000,
    direction: 'either',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'fin',
    certainty: 'confirmed',
    source: lab,
  },
  fixes: [
    {
      topic: 'idle',
      setting: 'timeout tunnel',
      default: 'unset: the ordinary client and server timeouts apply (50 s in the Debian file)',
      file: '/etc/haproxy/haproxy.cfg, defaults or backend',
      snippet: 'timeout tunnel {seconds}s\ntimeout client-fin 30s\ntimeout server-fin 30s',
      why: 'It replaces the client and server timeouts once the connection is upgraded.',
      source: manual,
    },
    {
      topic: 'reload',
      setting: 'hard-stop-after with close-spread-time',
      default: 'unset: each reload leaves an old process until its last socket closes',
      file: '/etc/haproxy/haproxy.cfg, global',
      snippet: 'global\n    hard-stop-after 30m\n    close-spread-time 5m',
      why: 'The first bounds old processes, the second keeps their sockets from dying together.',
      source: manual,
    },
    {
      topic: 'capacity',
      setting: 'maxconn (global and frontend)',
      default: 'derived from the open-file limit',
      file: '/etc/haproxy/haproxy.cfg, global',
      snippet: 'global\n    maxconn 100000',
      why: 'Past it new clients hang in the backlog of the kernel, without an answer.',
      source: lab,
    },
    {
      topic: 'capacity',
      setting: 'server … maxconn',
      default: 'unlimited',
      file: '/etc/haproxy/haproxy.cfg, backend',
      snippet: 'server app1 127.0.0.1:8080 check',
      why: 'A held socket takes a slot for its whole life; the next ones get 503 after timeout queue.',
      source: lab,
    },
    {
      topic: 'redirect',
      setting: 'http-request redirect / deny',
      default: 'none',
      file: '/etc/haproxy/haproxy.cfg, frontend',
      snippet:
        'acl is_websocket hdr(Upgrade) -i websocket\nhttp-request redirect scheme https unless { ssl_fc } or is_websocket',
      why: 'A rule that catches the path of the WebSocket answers its handshake.',
      source: manual,
    },
    {
      topic: 'half-open',
      setting: 'option clitcpka / option srvtcpka',
      default: 'off',
      file: '/etc/haproxy/haproxy.cfg, defaults',
      snippet: 'option clitcpka\noption srvtcpka',
      why: 'Probes of the kernel refresh firewalls on the way and find vanished peers.',
      source: manual,
    },
  ],
  notes: [
    { text: 'An upgrade needs no setting in mode http; mode tcp passes it through.', source: lab },
    {
      text: 'A bind line with alpn h2 offers extended CONNECT (RFC 8441), so a browser may carry the socket inside HTTP/2.',
      source: lab,
    },
    { text: 'SIGTERM resets open sockets; SIGUSR1 lets them live until hard-stop-after.', source: lab },
    { text: 'In the log an idle cut shows as cD or sD.', source: lab },
    { text: 'In mode tcp the tunnel timeout applies to every connection.', source: manual },
  ],
};
