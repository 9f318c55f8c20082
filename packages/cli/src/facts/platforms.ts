import { docs, MINUTE_MS, secondary, SECOND_MS, type Intermediary } from './intermediary.ts';

const herokuDocs = docs('Heroku, HTTP routing');
const flyDocs = docs('Fly.io, configuration reference');
const renderDocs = docs('Render, WebSocket');
const railwayDocs = docs('Railway, public networking limits');
const digitalOceanDocs = docs('DigitalOcean, Load Balancer support');
const oracleDocs = docs('Oracle Cloud, load balancer connection reuse');

export const heroku: Intermediary = {
  id: 'heroku-router',
  name: 'Heroku router',
  kind: 'platform',
  markers: [
    { header: 'via', pattern: /\b(vegur|heroku-router)\b/i, strength: 'strong' },
    { header: 'server', pattern: /^(Heroku|Cowboy)$/i, strength: 'weak' },
  ],
  idle: {
    kind: 'timer',
    defaultMs: 55 * SECOND_MS,
    direction: 'either',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'unknown',
    certainty: 'confirmed',
    source: herokuDocs,
  },
  fixes: [
    {
      topic: 'idle',
      setting: 'heartbeat',
      default: '55 s, fixed',
      file: 'the server',
      snippet: 'setInterval(() => { for (const socket of wss.clients) socket.ping(); }, 25_000);',
      why: 'Every byte in either direction moves the window; nothing else does.',
      source: herokuDocs,
    },
  ],
  notes: [
    {
      text: 'The first byte of the answer must come within 30 s: 503 with H12 otherwise.',
      source: herokuDocs,
    },
    { text: 'Dynos restart at least once a day.', source: secondary('Heroku help, router logs') },
  ],
};

export const fly: Intermediary = {
  id: 'fly-io',
  name: 'Fly.io proxy',
  kind: 'platform',
  markers: [
    { header: 'fly-request-id', strength: 'strong' },
    { header: 'server', pattern: /^Fly\//i, strength: 'strong' },
    { header: 'via', pattern: /\bfly\.io\b/i, strength: 'strong' },
  ],
  idle: { kind: 'none', source: docs('Fly.io community, post 15160 of the vendor') },
  fixes: [
    {
      topic: 'idle',
      setting: 'http_service.http_options.idle_timeout',
      default: 'none',
      file: 'fly.toml',
      snippet: '[http_service.http_options]\n  idle_timeout = {seconds}',
      why: 'Leave it out, or set it above the heartbeat.',
      source: flyDocs,
    },
    {
      topic: 'capacity',
      setting: 'concurrency',
      default: 'type = "requests", no limit',
      file: 'fly.toml',
      snippet: '[http_service.concurrency]\n  type = "connections"\n  hard_limit = 2000\n  soft_limit = 1800',
      why: 'Each socket counts while it is open.',
      source: flyDocs,
    },
    {
      topic: 'reload',
      setting: 'kill_timeout',
      default: '5s',
      file: 'fly.toml',
      snippet: 'kill_timeout = 60',
      why: 'The time to send a Close of your own before the machine goes.',
      source: flyDocs,
    },
  ],
  notes: [
    {
      text: '1001 from here means: a machine was stopped, come back at once.',
      source: docs('Fly.io community, post 27544 of the vendor'),
    },
  ],
};

export const render: Intermediary = {
  id: 'render',
  name: 'Render',
  kind: 'platform',
  markers: [
    { header: 'rndr-id', strength: 'strong' },
    { header: 'x-render-origin-server', strength: 'strong' },
  ],
  idle: { kind: 'unknown', source: renderDocs },
  fixes: [
    {
      topic: 'redirect',
      setting: 'the address',
      default: 'ws:// is answered 301',
      file: 'the client',
      snippet: 'new WebSocket("wss://…")',
      why: 'Only wss:// works on the public name; WebSocket clients do not follow redirects.',
      source: renderDocs,
    },
  ],
  notes: [
    { text: 'A deploy sends SIGTERM 60 s after the switch.', source: docs('Render, zero-downtime deploys') },
  ],
};

export const vercel: Intermediary = {
  id: 'vercel',
  name: 'Vercel Functions',
  kind: 'platform',
  markers: [
    { header: 'x-vercel-id', strength: 'strong' },
    { header: 'server', pattern: /^Vercel$/i, strength: 'strong' },
  ],
  idle: { kind: 'unknown', source: secondary('announcement of June 2026') },
  lifetime: {
    defaultMs: 5 * MINUTE_MS,
    certainty: 'reported',
    note: 'a socket lives inside one call of the function, so maxDuration bounds it',
    source: secondary('announcement of June 2026'),
  },
  fixes: [
    {
      topic: 'lifetime',
      setting: 'maxDuration',
      default: '300 s',
      file: 'the function',
      snippet: 'export const maxDuration = 800;',
      why: 'Raise it to the most of the plan, or keep long sessions on another host.',
      source: secondary('announcement of June 2026'),
    },
  ],
  notes: [],
};

export const railway: Intermediary = {
  id: 'railway',
  name: 'Railway',
  kind: 'platform',
  markers: [
    { header: 'x-railway-request-id', strength: 'strong' },
    { header: 'server', pattern: /^railway(-edge)?$/i, strength: 'strong' },
  ],
  idle: {
    kind: 'timer',
    defaultMs: 60 * SECOND_MS,
    direction: 'unknown',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'unknown',
    certainty: 'reported',
    source: railwayDocs,
  },
  fixes: [
    {
      topic: 'idle',
      setting: 'heartbeat',
      default: '60 s, by the current page',
      file: 'the application',
      snippet: '// heartbeat every 25 s',
      why: 'Versions of the page disagree, so measure before trusting any number.',
      source: railwayDocs,
    },
  ],
  notes: [],
};

export const digitalOceanLb: Intermediary = {
  id: 'digitalocean-lb',
  name: 'DigitalOcean Load Balancer',
  kind: 'load-balancer',
  markers: [{ header: 'set-cookie', pattern: /^DO-LB=/, strength: 'strong' }],
  idle: {
    kind: 'timer',
    defaultMs: 60 * SECOND_MS,
    direction: 'unknown',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'unknown',
    certainty: 'confirmed',
    source: digitalOceanDocs,
  },
  fixes: [
    {
      topic: 'idle',
      setting: 'http_idle_timeout_seconds',
      default: '60',
      file: 'the load balancer (Kubernetes: annotation of the Service)',
      snippet:
        'metadata:\n  annotations:\n    service.beta.kubernetes.io/do-loadbalancer-http-idle-timeout-seconds: "{seconds}"',
      why: 'With TLS pass-through it has no effect.',
      source: digitalOceanDocs,
    },
  ],
  notes: [],
};

export const oracleLb: Intermediary = {
  id: 'oracle-oci-lb',
  name: 'Oracle Cloud Load Balancer',
  kind: 'load-balancer',
  markers: [{ header: 'x-oracle-bmc-lbs-route', strength: 'strong' }],
  idle: {
    kind: 'timer',
    defaultMs: 60 * SECOND_MS,
    direction: 'both-required',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'unknown',
    certainty: 'reported',
    source: oracleDocs,
  },
  fixes: [
    {
      topic: 'idle',
      setting: 'connectionConfiguration.idleTimeout',
      default: '60 s on an HTTP listener, as reported',
      file: 'the listener',
      snippet: `oci lb listener update --connection-configuration-idle-timeout {seconds} --listener-name "$LISTENER" --load-balancer-id "$LB"`,
      why: 'Each direction has its own timer: a ping works, because the pong travels back.',
      source: oracleDocs,
    },
  ],
  notes: [],
};
