import { code, docs, measured, MINUTE_MS, SECOND_MS, type Intermediary } from './intermediary.ts';

const proxyModule = docs('nginx.org, ngx_http_proxy_module');
const websocketGuide = docs('nginx.org, "WebSocket proxying"');
const coreModule = docs('nginx.org, core functionality');
const lab = measured('nginx 1.22.1 on loopback');

/** The lines that make any nginx location carry a WebSocket; the linter and the generator write the same. */
export const nginxUpgradeMap = `map $http_upgrade $connection_upgrade {
    default upgrade;
    ''      '';
}`;

export const nginxUpgradeHeaders = `proxy_http_version 1.1;
proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $connection_upgrade;
proxy_set_header Host $host;`;

export const nginx: Intermediary = {
  id: 'nginx',
  name: 'nginx',
  kind: 'proxy',
  markers: [
    { header: 'server', pattern: /^nginx\b/i, strength: 'strong' },
    { header: 'server', pattern: /^openresty\b/i, strength: 'strong' },
    { pattern: /<center>nginx(\/[\d.]+)?<\/center>/, strength: 'strong' },
  ],
  idle: {
    kind: 'timer',
    defaultMs: 60 * SECOND_MS,
    // The manual promises this for bytes of the upstream only; the code and the program say either side.
    direction: 'either',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'fin',
    certainty: 'confirmed',
    source: lab,
  },
  fixes: [
    {
      topic: 'upgrade',
      setting: 'proxy_set_header Upgrade / Connection',
      default: 'both headers are stripped',
      file: 'the http block (map) and the location of the WebSocket (the rest)',
      snippet: `# in http { }\n${nginxUpgradeMap}\n# in the location of the WebSocket\n${nginxUpgradeHeaders}`,
      why: 'Upgrade and Connection are hop-by-hop, so nginx drops them; without both the backend sees a plain GET.',
      source: websocketGuide,
    },
    {
      topic: 'idle',
      setting: 'proxy_read_timeout',
      default: '60s',
      file: 'the location of the WebSocket',
      snippet: 'proxy_read_timeout {seconds}s;\nproxy_send_timeout {seconds}s;',
      why: 'It is the idle timer of the tunnel; bytes from either side re-arm it.',
      source: proxyModule,
    },
    {
      topic: 'reload',
      setting: 'worker_shutdown_timeout',
      default: 'unset: old workers live until their last socket closes',
      file: '/etc/nginx/nginx.conf, top level',
      snippet: 'worker_shutdown_timeout 10m;',
      why: 'A short value cuts every open socket at the same second after each reload.',
      source: coreModule,
    },
    {
      topic: 'reload',
      setting: 'TimeoutStopSec',
      default: '5s in the Debian unit',
      file: '/etc/systemd/system/nginx.service.d/holdfast.conf',
      snippet: '[Service]\nTimeoutStopSec=600',
      why: 'systemd kills nginx after this time at a restart or stop; a reload does not.',
      source: docs('Debian package nginx, nginx.service'),
    },
    {
      topic: 'capacity',
      setting: 'worker_connections',
      default: '512 (768 in the Debian package)',
      file: '/etc/nginx/nginx.conf, events block',
      snippet: 'events {\n    worker_connections 16384;\n}',
      why: 'A proxied socket takes two slots, one on each side; past the limit handshakes are reset.',
      source: lab,
    },
    {
      topic: 'capacity',
      setting: 'worker_rlimit_nofile',
      default: 'what the process was given, 1024 under systemd',
      file: '/etc/nginx/nginx.conf, top level',
      snippet: 'worker_rlimit_nofile 65535;',
      why: 'worker_connections above the open-file limit is never reached.',
      source: coreModule,
    },
    {
      topic: 'rate',
      setting: 'limit_conn / limit_req',
      default: 'none; answers 503 when exceeded',
      file: 'the location of the WebSocket',
      snippet: 'limit_req zone=ws burst=50 nodelay;\nlimit_req_status 429;\nlimit_conn_status 429;',
      why: 'A held socket takes one limit_conn slot for its whole life, and a return of many clients looks like abuse.',
      source: lab,
    },
    {
      topic: 'redirect',
      setting: 'return 301 / location prefix with a slash',
      default: 'location /ws/ answers /ws with 301',
      file: 'the server block',
      snippet: 'location = /ws {\n    proxy_pass http://app;\n}',
      why: 'A browser does not follow a redirect when it opens a WebSocket.',
      source: lab,
    },
    {
      topic: 'half-open',
      setting: 'proxy_socket_keepalive and so_keepalive',
      default: 'off',
      file: 'the location and the listen line',
      snippet: 'listen 443 ssl so_keepalive=60s:15s:4;\nproxy_socket_keepalive on;',
      why: 'A peer that vanished is found by the system, long before the read timeout.',
      source: proxyModule,
    },
    {
      topic: 'host',
      setting: 'proxy_set_header Host',
      default: '$proxy_host, the name of the upstream',
      file: 'the location of the WebSocket',
      snippet: 'proxy_set_header Host $host;',
      why: 'Backends compare Origin with Host and answer 403 when they differ.',
      source: proxyModule,
    },
  ],
  notes: [
    {
      text: 'proxy_set_header is inherited only by a level that sets none itself: one such line in a location, or an include of proxy_params, loses the pair that the server level set (200 instead of 101).',
      source: lab,
    },
    {
      text: 'nginx never sends a Close frame, so each of its own cuts is seen as 1006.',
      source: lab,
    },
    {
      text: 'An HTTP/2 listener does not offer extended CONNECT (RFC 8441): it answers 400, and browsers open a second connection over HTTP/1.1.',
      source: lab,
    },
    {
      text: 'proxy_http_version is 1.1 by itself since 1.29.7, and 1.0 before.',
      source: docs('nginx.org, CHANGES'),
    },
    {
      text: 'Buffering, gzip and client_max_body_size leave a tunnel alone.',
      source: lab,
    },
    {
      text: 'A subrequest (auth_request, mirror) that is answered 101 ends the request: "connection upgrade in subrequest".',
      source: code('nginx, ngx_http_upstream.c'),
    },
  ],
};

export const nginxStream: Intermediary = {
  id: 'nginx-stream',
  name: 'nginx stream (TCP pass-through)',
  kind: 'proxy',
  markers: [],
  idle: {
    kind: 'timer',
    defaultMs: 10 * MINUTE_MS,
    direction: 'either',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'fin',
    certainty: 'confirmed',
    source: docs('nginx.org, ngx_stream_proxy_module'),
  },
  fixes: [
    {
      topic: 'idle',
      setting: 'proxy_timeout',
      default: '10m',
      file: 'the server block inside stream',
      snippet: 'proxy_timeout {seconds}s;',
      why: 'The idle timer between two reads or writes on either side.',
      source: docs('nginx.org, ngx_stream_proxy_module'),
    },
  ],
  notes: [
    {
      text: "The client's address is lost without proxy_protocol on both ends.",
      source: docs('nginx.org, ngx_stream_proxy_module'),
    },
  ],
};

const ingressDocs = docs('ingress-nginx, user guide');

export const ingressNginx: Intermediary = {
  id: 'ingress-nginx',
  name: 'Kubernetes ingress-nginx',
  kind: 'proxy',
  markers: [],
  idle: {
    kind: 'timer',
    defaultMs: 60 * SECOND_MS,
    direction: 'either',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'fin',
    certainty: 'confirmed',
    source: ingressDocs,
  },
  fixes: [
    {
      topic: 'idle',
      setting: 'nginx.ingress.kubernetes.io/proxy-read-timeout',
      default: '60',
      file: 'the Ingress, metadata.annotations',
      snippet:
        'metadata:\n  annotations:\n    nginx.ingress.kubernetes.io/proxy-read-timeout: "{seconds}"\n    nginx.ingress.kubernetes.io/proxy-send-timeout: "{seconds}"',
      why: 'The idle timer of the tunnel, a number of seconds without a unit.',
      source: ingressDocs,
    },
    {
      topic: 'reload',
      setting: 'worker-shutdown-timeout',
      default: '240s',
      file: 'the ConfigMap of the controller',
      snippet: 'data:\n  worker-shutdown-timeout: "3600s"',
      why: 'Any change of any Ingress reloads the shared nginx; sockets of the old worker die when this fires.',
      source: ingressDocs,
    },
    {
      topic: 'capacity',
      setting: 'nginx.ingress.kubernetes.io/limit-connections',
      default: 'none; answers 503 above it',
      file: 'the Ingress, metadata.annotations',
      snippet:
        '# remove nginx.ingress.kubernetes.io/limit-connections, or raise it for offices behind one address',
      why: 'It counts open sockets per address and per replica.',
      source: ingressDocs,
    },
  ],
  notes: [
    {
      text: 'Upgrade headers are always forwarded; nothing has to be switched on.',
      source: code('ingress-nginx, nginx.tmpl'),
    },
    {
      text: 'The project was retired in March 2026 and points to the Gateway API.',
      source: docs('ingress-nginx, README'),
    },
  ],
};
