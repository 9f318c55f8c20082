import { docs, HOUR_MS, MINUTE_MS, SECOND_MS, secondary, type Intermediary } from './intermediary.ts';

const albGuide = docs('AWS, User Guide for Application Load Balancers');
const nlbGuide = docs('AWS, User Guide for Network Load Balancers');
const clbGuide = docs('AWS, Classic Load Balancer: idle timeout');
const gatewayGuide = docs('AWS, API Gateway quotas for WebSocket APIs');
const cloudFrontGuide = docs('AWS, CloudFront Developer Guide');

export const awsAlb: Intermediary = {
  id: 'aws-alb',
  name: 'AWS Application Load Balancer',
  kind: 'load-balancer',
  markers: [
    { header: 'server', pattern: /^awselb\//i, strength: 'strong' },
    { header: 'set-cookie', pattern: /^AWSALB(CORS|APP-\d)?=/, strength: 'strong' },
  ],
  idle: {
    kind: 'timer',
    defaultMs: 60 * SECOND_MS,
    direction: 'either',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'unknown',
    certainty: 'confirmed',
    source: albGuide,
  },
  fixes: [
    {
      topic: 'idle',
      setting: 'idle_timeout.timeout_seconds',
      default: '60',
      file: 'attributes of the load balancer',
      snippet:
        'aws elbv2 modify-load-balancer-attributes --load-balancer-arn "$ARN" --attributes Key=idle_timeout.timeout_seconds,Value={seconds}',
      why: 'At least one byte of application data per period keeps the connection; TCP keepalive and HTTP/2 PING do not.',
      source: albGuide,
    },
    {
      topic: 'reload',
      setting: 'deregistration_delay.timeout_seconds',
      default: '300',
      file: 'attributes of the target group',
      snippet:
        'aws elbv2 modify-target-group-attributes --target-group-arn "$TG" --attributes Key=deregistration_delay.timeout_seconds,Value=900',
      why: 'Sockets on a target that leaves end when it expires.',
      source: albGuide,
    },
  ],
  notes: [
    { text: 'A Lambda target answers an upgrade with 400.', source: albGuide },
    { text: 'A heartbeat of 60 s meets the default of 60 s: beat every 25 to 30 s.', source: albGuide },
  ],
};

export const awsNlb: Intermediary = {
  id: 'aws-nlb',
  name: 'AWS Network Load Balancer',
  kind: 'load-balancer',
  markers: [],
  idle: {
    kind: 'timer',
    defaultMs: 350 * SECOND_MS,
    direction: 'either',
    pingCounts: true,
    tcpKeepaliveCounts: true,
    ending: 'silent',
    certainty: 'confirmed',
    source: nlbGuide,
  },
  fixes: [
    {
      topic: 'idle',
      setting: 'tcp.idle_timeout.seconds',
      default: '350; fixed on a TLS listener',
      file: 'attributes of the listener',
      snippet:
        'aws elbv2 modify-listener-attributes --listener-arn "$LISTENER" --attributes Key=tcp.idle_timeout.seconds,Value={seconds}',
      why: 'The flow is forgotten without a word; the next packet is answered with a reset.',
      source: nlbGuide,
    },
  ],
  notes: [{ text: 'Only a packet finds the cut: a client that merely listens hangs.', source: nlbGuide }],
};

export const awsClb: Intermediary = {
  id: 'aws-clb',
  name: 'AWS Classic Load Balancer',
  kind: 'load-balancer',
  markers: [{ header: 'set-cookie', pattern: /^AWSELB=/, strength: 'strong' }],
  idle: {
    kind: 'timer',
    defaultMs: 60 * SECOND_MS,
    direction: 'either',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'unknown',
    certainty: 'confirmed',
    source: clbGuide,
  },
  fixes: [
    {
      topic: 'idle',
      setting: 'ConnectionSettings.IdleTimeout',
      default: '60',
      file: 'attributes of the load balancer',
      snippet: `aws elb modify-load-balancer-attributes --load-balancer-name "$LB" --load-balancer-attributes '{"ConnectionSettings":{"IdleTimeout":{seconds}}}'`,
      why: 'Probes of TCP keepalive do not count.',
      source: clbGuide,
    },
  ],
  notes: [
    {
      text: 'A WebSocket needs a TCP or SSL listener; an HTTP listener is reported to drop the upgrade.',
      source: secondary('reports of users'),
    },
  ],
};

export const awsApiGateway: Intermediary = {
  id: 'aws-api-gateway-websocket',
  name: 'AWS API Gateway WebSocket API',
  kind: 'platform',
  markers: [{ header: 'x-amz-apigw-id', strength: 'strong' }],
  idle: {
    kind: 'timer',
    defaultMs: 10 * MINUTE_MS,
    direction: 'unknown',
    tcpKeepaliveCounts: false,
    ending: 'close-frame',
    certainty: 'confirmed',
    source: gatewayGuide,
  },
  lifetime: {
    defaultMs: 2 * HOUR_MS,
    certainty: 'confirmed',
    note: 'fixed',
    source: gatewayGuide,
  },
  fixes: [
    {
      topic: 'idle',
      setting: 'heartbeat of the application',
      default: '10 minutes, fixed',
      file: 'the client',
      snippet: `setInterval(() => socket.send('{"action":"ping"}'), 300_000);`,
      why: 'Nobody documents whether a ping counts, so send a message.',
      source: gatewayGuide,
    },
    {
      topic: 'lifetime',
      setting: 'rotation by the client',
      default: '2 hours, fixed',
      file: 'the client',
      snippet: '// replace the connection after about 110 minutes, spread at random',
      why: 'The cut cannot be moved.',
      source: gatewayGuide,
    },
  ],
  notes: [
    {
      text: 'A frame above 32 KB or a message above 128 KB closes the connection with 1009.',
      source: gatewayGuide,
    },
  ],
};

export const awsCloudFront: Intermediary = {
  id: 'aws-cloudfront',
  name: 'Amazon CloudFront',
  kind: 'cdn',
  markers: [
    { header: 'x-amz-cf-id', strength: 'strong' },
    { header: 'via', pattern: /\(CloudFront\)/i, strength: 'strong' },
    { header: 'server', pattern: /^CloudFront$/i, strength: 'strong' },
  ],
  idle: {
    kind: 'timer',
    defaultMs: 10 * MINUTE_MS,
    direction: 'origin-to-client',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'unknown',
    certainty: 'confirmed',
    source: cloudFrontGuide,
  },
  fixes: [
    {
      topic: 'idle',
      setting: 'heartbeat of the server',
      default: '10 minutes, fixed',
      file: 'the server',
      snippet: 'setInterval(() => { for (const socket of wss.clients) socket.ping(); }, 25_000);',
      why: 'Only bytes from the origin are documented to count.',
      source: cloudFrontGuide,
    },
    {
      topic: 'upgrade',
      setting: 'origin request policy',
      default: 'forwards no Sec-WebSocket headers beyond the required ones',
      file: 'the cache behaviour of the WebSocket path',
      snippet:
        '# origin request policy with the headers: Sec-WebSocket-Key, Sec-WebSocket-Version, Sec-WebSocket-Protocol, Sec-WebSocket-Accept, Sec-WebSocket-Extensions',
      why: 'A missing header breaks subprotocols and compression.',
      source: cloudFrontGuide,
    },
  ],
  notes: [{ text: 'Functions at the edge see the handshake only.', source: cloudFrontGuide }],
};

export const awsNatGateway: Intermediary = {
  id: 'aws-nat-gateway',
  name: 'AWS NAT Gateway',
  kind: 'nat',
  markers: [],
  idle: {
    kind: 'timer',
    defaultMs: 350 * SECOND_MS,
    direction: 'either',
    pingCounts: true,
    tcpKeepaliveCounts: true,
    ending: 'silent',
    certainty: 'reported',
    source: secondary('cloudnetworking.pro, NAT timeouts'),
  },
  fixes: [
    {
      topic: 'idle',
      setting: 'TCP keepalive of the client',
      default: '7200 s',
      file: 'the program inside the private network',
      snippet: 'socket.setKeepAlive(true, 60_000);',
      why: 'The gateway has nothing to tune.',
      source: secondary('cloudnetworking.pro, NAT timeouts'),
    },
  ],
  notes: [],
};
