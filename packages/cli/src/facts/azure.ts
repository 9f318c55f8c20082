import { docs, HOUR_MS, MINUTE_MS, secondary, SECOND_MS, type Intermediary } from './intermediary.ts';

const gatewayDocs = docs('Azure, Application Gateway: WebSocket support');
const frontDoorDocs = docs('Azure, Front Door: WebSocket');
const loadBalancerDocs = docs('Azure, Load Balancer: TCP reset and idle timeout');
const appServiceReport = secondary('azure-advice.com, the 230 second timeout');

export const azureAppGateway: Intermediary = {
  id: 'azure-app-gateway',
  name: 'Azure Application Gateway',
  kind: 'load-balancer',
  markers: [
    { header: 'server', pattern: /^Microsoft-Azure-Application-Gateway/i, strength: 'strong' },
    { header: 'set-cookie', pattern: /^ApplicationGatewayAffinity(CORS)?=/, strength: 'strong' },
  ],
  idle: {
    kind: 'timer',
    // The documentation gives no number for v2; 20 s is what users report.
    defaultMs: 20 * SECOND_MS,
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
      setting: 'backendHttpSettings.requestTimeout',
      default: '20 s on v2, as reported',
      file: 'the HTTP setting of the WebSocket path',
      snippet:
        'az network application-gateway http-settings update -g GROUP --gateway-name GATEWAY -n SETTING --timeout {seconds}',
      why: 'It is documented to bound the WebSocket too; keep a separate setting for its path.',
      source: gatewayDocs,
    },
    {
      topic: 'reload',
      setting: 'connection draining',
      default: 'off: 30 s after a change of the gateway',
      file: 'the HTTP setting of the WebSocket path',
      snippet:
        'az network application-gateway http-settings update -g GROUP --gateway-name GATEWAY -n SETTING --connection-draining-timeout 3600',
      why: 'Any change of the gateway ends open sockets after this time.',
      source: gatewayDocs,
    },
  ],
  notes: [],
};

export const azureFrontDoor: Intermediary = {
  id: 'azure-front-door',
  name: 'Azure Front Door',
  kind: 'cdn',
  markers: [{ header: 'x-azure-ref', strength: 'strong' }],
  idle: {
    kind: 'timer',
    defaultMs: 5 * MINUTE_MS,
    direction: 'either',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'unknown',
    certainty: 'confirmed',
    source: frontDoorDocs,
  },
  lifetime: {
    defaultMs: 4 * HOUR_MS,
    certainty: 'confirmed',
    note: 'fixed',
    source: frontDoorDocs,
  },
  fixes: [
    {
      topic: 'upgrade',
      setting: 'caching of the route',
      default: 'as the route says',
      file: 'the route of the WebSocket',
      snippet:
        'az afd route update -g GROUP --profile-name PROFILE --endpoint-name ENDPOINT --route-name ROUTE --enable-caching false',
      why: 'With caching the upgrade is not forwarded; the Classic tier has no WebSocket at all.',
      source: frontDoorDocs,
    },
    {
      topic: 'idle',
      setting: 'heartbeat',
      default: '5 minutes, fixed',
      file: 'the application',
      snippet: '// heartbeat every 25 s',
      why: 'The limit cannot be moved.',
      source: frontDoorDocs,
    },
  ],
  notes: [{ text: 'At most 3,000 open sockets per profile.', source: frontDoorDocs }],
};

export const azureAppService: Intermediary = {
  id: 'azure-app-service',
  name: 'Azure App Service',
  kind: 'platform',
  markers: [{ header: 'set-cookie', pattern: /^ARRAffinity(SameSite)?=/, strength: 'strong' }],
  idle: {
    kind: 'timer',
    defaultMs: 230 * SECOND_MS,
    direction: 'either',
    pingCounts: true,
    tcpKeepaliveCounts: false,
    ending: 'unknown',
    certainty: 'reported',
    source: appServiceReport,
  },
  fixes: [
    {
      topic: 'upgrade',
      setting: 'webSocketsEnabled',
      default: 'false on Windows plans',
      file: 'General settings of the app',
      snippet: 'az webapp config set -g GROUP -n APP --web-sockets-enabled true',
      why: 'The handshake fails while it is off.',
      source: docs('Azure CLI, az webapp config'),
    },
    {
      topic: 'idle',
      setting: 'heartbeat',
      default: '230 s, fixed',
      file: 'the application',
      snippet: '// heartbeat every 25 s',
      why: 'The limit belongs to the front end and cannot be moved.',
      source: appServiceReport,
    },
    {
      topic: 'reload',
      setting: 'alwaysOn',
      default: 'false',
      file: 'General settings of the app',
      snippet: 'az webapp config set -g GROUP -n APP --always-on true',
      why: 'An app that is unloaded for idleness drops its sockets.',
      source: docs('Azure CLI, az webapp config'),
    },
  ],
  notes: [{ text: 'The Basic tier allows 350 sockets per instance.', source: appServiceReport }],
};

export const azureLoadBalancer: Intermediary = {
  id: 'azure-load-balancer',
  name: 'Azure Load Balancer',
  kind: 'load-balancer',
  markers: [],
  idle: {
    kind: 'timer',
    defaultMs: 4 * MINUTE_MS,
    direction: 'either',
    pingCounts: true,
    tcpKeepaliveCounts: true,
    ending: 'silent',
    certainty: 'confirmed',
    source: loadBalancerDocs,
  },
  fixes: [
    {
      topic: 'idle',
      setting: 'idleTimeoutInMinutes and enableTcpReset',
      default: '4 minutes, silent',
      file: 'the rule (AKS: annotation azure-load-balancer-tcp-idle-timeout)',
      snippet:
        'az network lb rule update -g GROUP --lb-name LB -n RULE --idle-timeout 30 --enable-tcp-reset true',
      why: 'With the reset both sides learn of the cut at once; without it they hang.',
      source: loadBalancerDocs,
    },
  ],
  notes: [],
};

export const azureNatGateway: Intermediary = {
  id: 'azure-nat-gateway',
  name: 'Azure NAT Gateway',
  kind: 'nat',
  markers: [],
  idle: {
    kind: 'timer',
    defaultMs: 4 * MINUTE_MS,
    direction: 'either',
    pingCounts: true,
    tcpKeepaliveCounts: true,
    ending: 'silent',
    certainty: 'confirmed',
    source: docs('Azure, NAT Gateway resource'),
  },
  fixes: [
    {
      topic: 'idle',
      setting: 'idleTimeoutInMinutes',
      default: '4',
      file: 'the NAT gateway',
      snippet: 'az network nat gateway update -g GROUP -n NAT --idle-timeout 30',
      why: 'A longer time also keeps ports reserved longer; a heartbeat is better.',
      source: docs('Azure, NAT Gateway resource'),
    },
  ],
  notes: [],
};
