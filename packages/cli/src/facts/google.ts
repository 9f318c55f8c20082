import { docs, MINUTE_MS, secondary, SECOND_MS, type Intermediary } from './intermediary.ts';

const gcpdiag = secondary('gcpdiag, rule lb/BP/2025_002');
const cloudRunDocs = docs('Google Cloud, Cloud Run: WebSockets');

export const googleHttpsLb: Intermediary = {
  id: 'gcp-https-lb',
  name: 'Google Cloud Application Load Balancer',
  kind: 'load-balancer',
  markers: [{ header: 'via', pattern: /^1\.1 google$/i, strength: 'strong' }],
  idle: { kind: 'unknown', source: gcpdiag },
  lifetime: {
    defaultMs: 30 * SECOND_MS,
    certainty: 'confirmed',
    note: 'the timeout of the backend service, counted from the start, however busy the socket is',
    source: gcpdiag,
  },
  fixes: [
    {
      topic: 'lifetime',
      setting: 'timeoutSec of the backend service',
      default: '30',
      file: 'the backend service (GKE: BackendConfig.spec.timeoutSec)',
      snippet: 'gcloud compute backend-services update BACKEND --global --timeout=86400',
      why: 'It is the age at which a WebSocket is cut; a ping does not move it.',
      source: gcpdiag,
    },
  ],
  notes: [
    {
      text: 'Maintenance of the front end cuts sockets earlier, so clients must come back by themselves.',
      source: gcpdiag,
    },
  ],
};

export const googleCloudRun: Intermediary = {
  id: 'gcp-cloud-run',
  name: 'Google Cloud Run',
  kind: 'platform',
  markers: [{ header: 'server', pattern: /^Google Frontend$/i, strength: 'strong' }],
  idle: { kind: 'unknown', source: cloudRunDocs },
  lifetime: {
    defaultMs: 5 * MINUTE_MS,
    certainty: 'confirmed',
    note: 'the request timeout: a WebSocket is one long request',
    source: cloudRunDocs,
  },
  fixes: [
    {
      topic: 'lifetime',
      setting: '--timeout',
      default: '300s',
      file: 'the service',
      snippet: 'gcloud run services update SERVICE --timeout=3600',
      why: 'One hour is the most; plan for a return before it.',
      source: cloudRunDocs,
    },
    {
      topic: 'capacity',
      setting: '--concurrency',
      default: '80',
      file: 'the service',
      snippet: 'gcloud run services update SERVICE --concurrency=1000',
      why: 'Each open socket takes one slot of an instance.',
      source: cloudRunDocs,
    },
  ],
  notes: [{ text: 'HTTP/2 end to end must stay off.', source: cloudRunDocs }],
};

export const googleCloudNat: Intermediary = {
  id: 'gcp-cloud-nat',
  name: 'Google Cloud NAT',
  kind: 'nat',
  markers: [],
  idle: {
    kind: 'timer',
    defaultMs: 20 * MINUTE_MS,
    direction: 'either',
    pingCounts: true,
    tcpKeepaliveCounts: true,
    ending: 'silent',
    certainty: 'reported',
    source: secondary('oneuptime.com, Cloud NAT timeouts'),
  },
  fixes: [
    {
      topic: 'idle',
      setting: '--tcp-established-idle-timeout',
      default: '1200s',
      file: 'the NAT of the router',
      snippet:
        'gcloud compute routers nats update NAT --router=ROUTER --tcp-established-idle-timeout={seconds}',
      why: 'No reset is sent: only a heartbeat finds the loss.',
      source: secondary('oneuptime.com, Cloud NAT timeouts'),
    },
  ],
  notes: [],
};
