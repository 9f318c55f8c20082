import {
  code,
  DAY_MS,
  docs,
  HOUR_MS,
  MINUTE_MS,
  secondary,
  standard,
  type IdleLimit,
  type Intermediary,
  type SettingFix,
  type Source,
} from './intermediary.ts';

/** Every stateful firewall and NAT works alike: one table entry per flow, any packet refreshes it. */
function flowTable(defaultMs: number, certainty: 'confirmed' | 'reported', source: Source): IdleLimit {
  return {
    kind: 'timer',
    defaultMs,
    direction: 'either',
    pingCounts: true,
    tcpKeepaliveCounts: true,
    ending: 'silent',
    certainty,
    source,
  };
}

function idleFix(
  setting: string,
  initial: string,
  file: string,
  snippet: string,
  why: string,
  source: Source,
): SettingFix {
  return { topic: 'idle', setting, default: initial, file, snippet, why, source };
}

const kubeProxySource = code('Kubernetes, kube-proxy defaults.go');
const paloAltoDocs = docs('Palo Alto, PAN-OS session timeouts');
const ciscoDocs = docs('Cisco, ASA connection limits and timeouts');
const fortinetDocs = docs('Fortinet, session-ttl');
const checkPointForum = secondary('Check Point CheckMates, "First packet isn\'t SYN"');
const rfc5382 = standard('RFC 5382, REQ-5');
const carrierStudy = secondary('"An untold story of middleboxes in cellular networks" (2011), abstract');

export const kubeProxy: Intermediary = {
  id: 'kube-proxy-conntrack',
  name: 'Kubernetes node (kube-proxy, conntrack)',
  kind: 'nat',
  markers: [],
  idle: flowTable(DAY_MS, 'confirmed', kubeProxySource),
  fixes: [
    idleFix(
      'conntrack.tcpEstablishedTimeout',
      '24h',
      'the configuration of kube-proxy',
      'conntrack:\n  tcpEstablishedTimeout: 24h0m0s',
      'A heartbeat makes it irrelevant.',
      kubeProxySource,
    ),
    {
      topic: 'reload',
      setting: 'terminationGracePeriodSeconds and preStop',
      default: '30 and none',
      file: 'the Pod template',
      snippet:
        'terminationGracePeriodSeconds: 120\ncontainers:\n- name: app\n  lifecycle:\n    preStop:\n      exec:\n        command: ["sleep", "10"]',
      why: 'Endpoints leave the load balancer before sockets are cut.',
      source: docs('Kubernetes, Pod lifecycle'),
    },
  ],
  notes: [
    {
      text: 'New pods stay empty until clients come back: open sockets are not moved.',
      source: kubeProxySource,
    },
  ],
};

export const paloAlto: Intermediary = {
  id: 'palo-alto',
  name: 'Palo Alto PAN-OS firewall',
  kind: 'nat',
  markers: [],
  idle: flowTable(HOUR_MS, 'confirmed', paloAltoDocs),
  fixes: [
    idleFix(
      'Session Timeouts > TCP',
      '3600 s; an App-ID may be shorter',
      'Device > Setup > Session',
      'set deviceconfig setting session timeout-tcp 7200',
      'The timer of the matched application overrides the global one.',
      paloAltoDocs,
    ),
  ],
  notes: [],
};

export const ciscoAsa: Intermediary = {
  id: 'cisco-asa',
  name: 'Cisco ASA / FTD',
  kind: 'nat',
  markers: [],
  idle: flowTable(HOUR_MS, 'confirmed', ciscoDocs),
  fixes: [
    idleFix(
      'set connection timeout idle … reset',
      '1:00:00, silent',
      'the policy-map of the WebSocket class',
      'policy-map global_policy\n class ws\n  set connection timeout idle 1:00:00 reset',
      'With the reset both sides learn of the cut.',
      ciscoDocs,
    ),
  ],
  notes: [],
};

export const fortinet: Intermediary = {
  id: 'fortinet',
  name: 'Fortinet FortiGate',
  kind: 'nat',
  markers: [],
  idle: flowTable(HOUR_MS, 'confirmed', fortinetDocs),
  fixes: [
    idleFix(
      'session-ttl of the policy',
      '3600 s',
      'the firewall policy of the WebSocket',
      'set session-ttl 7200',
      'One policy changes, the rest keeps its time.',
      fortinetDocs,
    ),
  ],
  notes: [],
};

export const checkPoint: Intermediary = {
  id: 'check-point',
  name: 'Check Point Security Gateway',
  kind: 'nat',
  markers: [],
  idle: flowTable(HOUR_MS, 'reported', checkPointForum),
  fixes: [
    idleFix(
      'session timeout of the service',
      '3600 s',
      'the service object, Advanced',
      '# service object > Advanced > Virtual session timeout: {seconds}',
      "The log of the cut reads: First packet isn't SYN.",
      checkPointForum,
    ),
  ],
  notes: [],
};

export const homeNat: Intermediary = {
  id: 'home-nat',
  name: 'Home router',
  kind: 'nat',
  markers: [],
  idle: flowTable(124 * MINUTE_MS, 'reported', rfc5382),
  fixes: [
    idleFix(
      'heartbeat',
      'RFC 5382 asks for at least 2 h 4 min; many devices do less',
      'the application',
      '// heartbeat every 25 s',
      'Nobody can reach the router of every user.',
      rfc5382,
    ),
  ],
  notes: [
    {
      text: 'Use wss:// on port 443: other ports meet transparent proxies.',
      source: secondary('study of home gateways (2010)'),
    },
  ],
};

export const carrierNat: Intermediary = {
  id: 'mobile-carrier-nat',
  name: 'Mobile carrier',
  kind: 'nat',
  markers: [],
  idle: { kind: 'unknown', source: carrierStudy },
  fixes: [
    idleFix(
      'heartbeat',
      'differs by carrier',
      'the application',
      '// heartbeat every 25 to 30 s in the foreground',
      'Flows are dropped without a word.',
      carrierStudy,
    ),
  ],
  notes: [
    {
      text: 'A change between Wi-Fi and cellular changes the address: bind a session to a token, never to an address.',
      source: carrierStudy,
    },
  ],
};
