import { docs, MINUTE_MS, type Intermediary } from './intermediary.ts';

const timeoutsFaq = docs('Envoy documentation, "How do I configure timeouts?"');
const upgradesDocs = docs('Envoy documentation, HTTP upgrades');

export const envoy: Intermediary = {
  id: 'envoy',
  name: 'Envoy (Istio, Contour, Envoy Gateway)',
  kind: 'proxy',
  markers: [
    { header: 'server', pattern: /^(istio-)?envoy$/i, strength: 'strong' },
    { header: 'x-envoy-upstream-service-time', strength: 'strong' },
    { header: 'x-envoy-decorator-operation', strength: 'strong' },
    { pattern: /^upstream connect error or disconnect\/reset before headers/, strength: 'strong' },
  ],
  idle: {
    kind: 'timer',
    defaultMs: 5 * MINUTE_MS,
    direction: 'either',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'reset',
    certainty: 'confirmed',
    source: timeoutsFaq,
  },
  fixes: [
    {
      topic: 'upgrade',
      setting: 'upgrade_configs',
      default: 'off: the upgrade is refused',
      file: 'the http_connection_manager (or the route)',
      snippet: 'upgrade_configs:\n- upgrade_type: websocket',
      why: 'Envoy lets no upgrade through unless its type is listed.',
      source: upgradesDocs,
    },
    {
      topic: 'idle',
      setting: 'idle_timeout of the route',
      default: 'stream_idle_timeout of the connection manager, 5 minutes',
      file: 'the route of the WebSocket',
      snippet: 'route:\n  cluster: app\n  timeout: 0s\n  idle_timeout: {seconds}s',
      why: 'The idle timer of the stream; timeout: 0s does not change it.',
      source: timeoutsFaq,
    },
    {
      topic: 'lifetime',
      setting: 'max_connection_duration / max_stream_duration',
      default: 'unlimited',
      file: 'common_http_protocol_options, or the route',
      snippet: '# remove max_stream_duration and max_connection_duration, or raise them',
      why: 'A cut at an age, however busy the stream is.',
      source: timeoutsFaq,
    },
    {
      topic: 'reload',
      setting: '--drain-time-s and drain_timeout',
      default: '600 s and 5 s',
      file: 'the command line and the connection manager',
      snippet: 'drain_timeout: 60s',
      why: 'At the end of the drain, open sockets are cut.',
      source: timeoutsFaq,
    },
  ],
  notes: [
    {
      text: 'A WebSocket over HTTP/2 or HTTP/3 from the client needs allow_connect on that hop.',
      source: upgradesDocs,
    },
    { text: 'A filter that buffers whole bodies must be kept off an upgraded stream.', source: upgradesDocs },
  ],
};
