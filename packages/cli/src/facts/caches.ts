import { code, DAY_MS, docs, MINUTE_MS, SECOND_MS, type Intermediary } from './intermediary.ts';

const varnishParams = docs('Varnish, parameter reference');
const squidDirectives = docs('Squid, cf.data.pre');

export const varnish: Intermediary = {
  id: 'varnish',
  name: 'Varnish Cache',
  kind: 'proxy',
  markers: [
    { header: 'x-varnish', strength: 'strong' },
    { header: 'via', pattern: /\(Varnish\//i, strength: 'strong' },
    { header: 'server', pattern: /^Varnish$/i, strength: 'strong' },
  ],
  idle: {
    kind: 'timer',
    defaultMs: 60 * SECOND_MS,
    direction: 'either',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'fin',
    certainty: 'confirmed',
    source: varnishParams,
  },
  fixes: [
    {
      topic: 'upgrade',
      setting: 'return (pipe) in vcl_recv, headers in vcl_pipe',
      default: 'absent: the upgrade never reaches the backend',
      file: '/etc/varnish/default.vcl',
      snippet: `sub vcl_recv {
    if (req.http.Upgrade ~ "(?i)websocket") {
        return (pipe);
    }
}
sub vcl_pipe {
    if (req.http.Upgrade) {
        set bereq.http.Upgrade = req.http.Upgrade;
        set bereq.http.Connection = req.http.Connection;
    }
}`,
      why: 'Varnish must pipe the request and copy both headers; match without regard to case.',
      source: docs('Varnish users guide, WebSockets'),
    },
    {
      topic: 'idle',
      setting: 'pipe_timeout',
      default: '60s',
      file: 'the command line of varnishd',
      snippet: 'varnishd -p pipe_timeout={seconds}',
      why: 'One idle timer for both directions; 0 means never.',
      source: varnishParams,
    },
    {
      topic: 'lifetime',
      setting: 'pipe_task_deadline',
      default: '0 (off)',
      file: 'the command line of varnishd',
      snippet: 'varnishd -p pipe_task_deadline=0',
      why: 'A cut at this age, whatever flows.',
      source: varnishParams,
    },
  ],
  notes: [{ text: 'Each piped socket holds a worker thread.', source: code('Varnish, cache_http1_pipe.c') }],
};

export const squid: Intermediary = {
  id: 'squid',
  name: 'Squid forward proxy',
  kind: 'proxy',
  markers: [
    { header: 'x-squid-error', strength: 'strong' },
    { header: 'via', pattern: /\(squid(\/[\d.]+)?\)/i, strength: 'strong' },
    { header: 'server', pattern: /^squid(\/|$)/i, strength: 'strong' },
  ],
  idle: {
    kind: 'timer',
    defaultMs: 15 * MINUTE_MS,
    direction: 'either',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'fin',
    certainty: 'confirmed',
    source: squidDirectives,
  },
  lifetime: {
    defaultMs: DAY_MS,
    certainty: 'reported',
    note: 'client_lifetime',
    source: squidDirectives,
  },
  fixes: [
    {
      topic: 'upgrade',
      setting: 'http_upgrade_request_protocols',
      default: 'none: Upgrade is dropped from plain ws:// requests',
      file: '/etc/squid/squid.conf',
      snippet: 'http_upgrade_request_protocols websocket allow all',
      why: 'Plain ws:// and inspected TLS need it (Squid 5 or newer, which compares the name with its case); wss:// through CONNECT does not.',
      source: squidDirectives,
    },
    {
      topic: 'idle',
      setting: 'read_timeout',
      default: '15 minutes',
      file: '/etc/squid/squid.conf',
      snippet: 'read_timeout {seconds} seconds',
      why: 'Any byte on either leg re-arms it.',
      source: squidDirectives,
    },
    {
      topic: 'lifetime',
      setting: 'client_lifetime',
      default: '1 day',
      file: '/etc/squid/squid.conf',
      snippet: 'client_lifetime 7 days',
      why: 'An absolute cap on a connection.',
      source: squidDirectives,
    },
  ],
  notes: [
    {
      text: 'CONNECT to a port outside SSL_ports is answered 403, and 407 asks for a password.',
      source: squidDirectives,
    },
  ],
};
