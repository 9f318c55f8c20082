import { docs, MINUTE_MS, secondary, SECOND_MS, type Intermediary } from './intermediary.ts';

const cloudflareDocs = docs('Cloudflare, Network: WebSockets');
const cloudflareCommunity = secondary('Cloudflare community, thread 5865');
const fastlyDocs = docs('Fastly, WebSockets passthrough');
const ngrokDocs = docs('ngrok, endpoint limits');

export const cloudflare: Intermediary = {
  id: 'cloudflare-proxy',
  name: 'Cloudflare',
  kind: 'cdn',
  markers: [
    { header: 'cf-ray', strength: 'strong' },
    { header: 'server', pattern: /^cloudflare$/i, strength: 'strong' },
  ],
  idle: {
    kind: 'timer',
    defaultMs: 100 * SECOND_MS,
    direction: 'unknown',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'unknown',
    certainty: 'reported',
    source: cloudflareCommunity,
  },
  fixes: [
    {
      topic: 'upgrade',
      setting: 'Network > WebSockets',
      default: 'on',
      file: 'the zone',
      snippet: `curl -X PATCH "https://api.cloudflare.com/client/v4/zones/$ZONE/settings/websockets" -H "Authorization: Bearer $TOKEN" -d '{"value":"on"}'`,
      why: 'The handshake fails while it is off.',
      source: cloudflareDocs,
    },
    {
      topic: 'idle',
      setting: 'heartbeat',
      default: 'about 100 s, as users report; cannot be moved below Enterprise',
      file: 'the application',
      snippet: '// heartbeat every 25 s',
      why: 'The limit belongs to the edge.',
      source: cloudflareCommunity,
    },
    {
      topic: 'rate',
      setting: 'WAF exception for the WebSocket path',
      default: 'challenges apply to every path',
      file: 'Security > WAF of the zone',
      snippet: '(http.request.uri.path eq "/ws") -> Skip: managed challenge, Bot Fight Mode, rate limiting',
      why: 'A WebSocket cannot solve a challenge: it sees 403, 429 or 503.',
      source: cloudflareDocs,
    },
  ],
  notes: [
    {
      text: 'Releases at the edge end many sockets at once, without a schedule; clients must come back by themselves.',
      source: cloudflareDocs,
    },
    {
      text: '520 to 524 mean that the origin refused or timed out during the handshake.',
      source: cloudflareDocs,
    },
  ],
};

export const cloudflareTunnel: Intermediary = {
  id: 'cloudflare-tunnel',
  name: 'Cloudflare Tunnel',
  kind: 'proxy',
  markers: [],
  idle: {
    kind: 'timer',
    defaultMs: 100 * SECOND_MS,
    direction: 'unknown',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'unknown',
    certainty: 'reported',
    source: secondary('reports of users'),
  },
  fixes: [
    {
      topic: 'idle',
      setting: 'heartbeat',
      default: 'about 100 s, as at the edge',
      file: 'the application',
      snippet: '// heartbeat every 25 s',
      why: 'The tunnel shares the timer of the edge, which cannot be moved.',
      source: cloudflareCommunity,
    },
    {
      topic: 'reload',
      setting: 'replicas of cloudflared',
      default: '1',
      file: 'the deployment of cloudflared',
      snippet: 'cloudflared tunnel run TUNNEL   # on a second machine',
      why: 'A restart of the only replica cuts everything.',
      source: docs('Cloudflare Tunnel, origin parameters'),
    },
  ],
  notes: [
    {
      text: 'http2Origin must stay false for an origin with WebSockets.',
      source: docs('Cloudflare Tunnel, origin parameters'),
    },
  ],
};

export const fastly: Intermediary = {
  id: 'fastly',
  name: 'Fastly',
  kind: 'cdn',
  markers: [
    { header: 'x-served-by', pattern: /^cache-/i, strength: 'strong' },
    { header: 'fastly-restarts', strength: 'strong' },
  ],
  idle: { kind: 'unknown', source: fastlyDocs },
  fixes: [
    {
      topic: 'upgrade',
      setting: 'product websockets, and return (upgrade)',
      default: 'off',
      file: 'the service and its VCL',
      snippet: 'sub vcl_recv {\n  if (req.http.Upgrade) {\n    return (upgrade);\n  }\n}',
      why: 'Without the product and the hand-over the handshake is answered as plain HTTP.',
      source: fastlyDocs,
    },
  ],
  notes: [
    {
      text: 'It does not work with shielding, and the certificate of the origin must be publicly trusted.',
      source: fastlyDocs,
    },
  ],
};

export const akamai: Intermediary = {
  id: 'akamai',
  name: 'Akamai',
  kind: 'cdn',
  markers: [
    { header: 'server', pattern: /^(AkamaiGHost|AkamaiNetStorage)/i, strength: 'strong' },
    { header: 'x-akamai-request-id', strength: 'strong' },
  ],
  idle: { kind: 'unknown', source: secondary('no published figure') },
  fixes: [
    {
      topic: 'upgrade',
      setting: 'behaviour WebSockets',
      default: 'off',
      file: 'the property, on the match of the WebSocket path',
      snippet: '# Property Manager: add the behaviour "WebSockets" to the rule of the WebSocket path',
      why: 'Without it the handshake is answered as plain HTTP.',
      source: secondary('no published figure'),
    },
  ],
  notes: [],
};

export const ngrok: Intermediary = {
  id: 'ngrok',
  name: 'ngrok',
  kind: 'proxy',
  markers: [
    { header: 'ngrok-error-code', strength: 'strong' },
    { header: 'ngrok-agent-ips', strength: 'strong' },
  ],
  idle: {
    kind: 'timer',
    defaultMs: 5 * MINUTE_MS,
    direction: 'both-required',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'unknown',
    certainty: 'confirmed',
    source: ngrokDocs,
  },
  fixes: [
    {
      topic: 'idle',
      setting: 'heartbeat',
      default: '5 minutes per direction',
      file: 'the application',
      snippet: '// heartbeat every 25 s, answered by the other side',
      why: 'There is one timer per direction.',
      source: ngrokDocs,
    },
  ],
  notes: [],
};
