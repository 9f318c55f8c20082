import { code, docs, measured, standard, type Intermediary } from './intermediary.ts';

const tcpManual = docs('Linux manual, tcp(7)');
const ipSysctl = docs('Linux, ip-sysctl.rst');
const nodeHttp = docs('Node.js, http.Server');
const nodeLab = measured('Node.js 20.20.2 with ws on loopback');
const chromiumPools = code('Chromium, client_socket_pool_manager.cc');
const firefoxPrefs = code('Firefox, all.js and nsWebSocketChannel.cpp');

export const linux: Intermediary = {
  id: 'linux-kernel',
  name: 'Linux TCP',
  kind: 'system',
  markers: [],
  idle: { kind: 'none', source: tcpManual },
  fixes: [
    {
      topic: 'half-open',
      setting: 'net.ipv4.tcp_keepalive_time, _intvl, _probes',
      default: '7200, 75, 9: a vanished peer is found after 2 h 11 min',
      file: '/etc/sysctl.d/60-websocket.conf',
      snippet:
        'net.ipv4.tcp_keepalive_time = 120\nnet.ipv4.tcp_keepalive_intvl = 15\nnet.ipv4.tcp_keepalive_probes = 4',
      why: 'It concerns only sockets that asked for keepalive.',
      source: tcpManual,
    },
    {
      topic: 'capacity',
      setting: 'net.ipv4.ip_local_port_range',
      default: '32768 60999',
      file: '/etc/sysctl.d/60-websocket.conf',
      snippet: 'net.ipv4.ip_local_port_range = 1024 65000',
      why: 'A proxy to one backend address ends at about 28,000 sockets otherwise.',
      source: ipSysctl,
    },
    {
      topic: 'capacity',
      setting: 'net.core.somaxconn',
      default: '4096',
      file: '/etc/sysctl.d/60-websocket.conf',
      snippet: 'net.core.somaxconn = 65535',
      why: 'A return of many clients overflows the accept queue first; the backlog of listen() bounds it, too.',
      source: ipSysctl,
    },
  ],
  notes: [
    {
      text: 'TCP keepalive shows that the other kernel lives; HTTP proxies do not see it.',
      source: tcpManual,
    },
  ],
};

export const systemd: Intermediary = {
  id: 'systemd',
  name: 'systemd service limits',
  kind: 'system',
  markers: [],
  idle: { kind: 'none', source: docs('systemd.exec(5)') },
  fixes: [
    {
      topic: 'capacity',
      setting: 'LimitNOFILE',
      default: '1024 soft, 524288 hard',
      file: '/etc/systemd/system/SERVICE.service.d/holdfast.conf',
      snippet: '[Service]\nLimitNOFILE=65536:1048576',
      why: 'A daemon that does not raise its own soft limit stops accepting at 1024 files.',
      source: docs('systemd.exec(5)'),
    },
    {
      topic: 'reload',
      setting: 'TimeoutStopSec',
      default: '90s',
      file: '/etc/systemd/system/SERVICE.service.d/holdfast.conf',
      snippet: '[Service]\nTimeoutStopSec=600\nKillMode=mixed',
      why: 'What is left after it is killed.',
      source: docs('systemd.service(5)'),
    },
  ],
  notes: [],
};

export const nodeHttpServer: Intermediary = {
  id: 'nodejs-http-server',
  name: 'Node.js http.Server',
  kind: 'system',
  markers: [{ header: 'x-powered-by', pattern: /^Express$/, strength: 'weak' }],
  idle: { kind: 'none', source: nodeLab },
  fixes: [
    {
      topic: 'half-open',
      setting: 'ping of the server',
      default: 'none: the ws library never pings by itself',
      file: 'the server',
      snippet: 'setInterval(() => { for (const socket of wss.clients) socket.ping(); }, 25_000);',
      why: 'Only a ping that stays unanswered tells a dead client.',
      source: docs('ws, README'),
    },
    {
      topic: 'reload',
      setting: 'close the sockets yourself on SIGTERM',
      default: 'server.close() leaves them open',
      file: 'the server',
      snippet: "process.on('SIGTERM', () => { for (const socket of wss.clients) socket.close(1012); });",
      why: 'Neither close() nor closeAllConnections() touches an upgraded socket.',
      source: nodeLab,
    },
  ],
  notes: [
    {
      text: 'requestTimeout, headersTimeout, keepAliveTimeout and server.timeout leave an upgraded socket alone.',
      source: nodeLab,
    },
    {
      text: 'An error event without a handler, on the ws or the raw socket, ends the process.',
      source: nodeHttp,
    },
  ],
};

export const chrome: Intermediary = {
  id: 'chrome',
  name: 'Chrome and Chromium',
  kind: 'browser',
  markers: [],
  idle: { kind: 'none', source: chromiumPools },
  fixes: [],
  notes: [
    {
      text: 'At most 255 WebSockets to one host; the next ones wait and look like a hang.',
      source: chromiumPools,
    },
    {
      text: 'A failed handshake and a lost socket both show as 1006 without a reason.',
      source: standard('WHATWG WebSockets'),
    },
  ],
};

export const firefox: Intermediary = {
  id: 'firefox',
  name: 'Firefox',
  kind: 'browser',
  markers: [],
  idle: { kind: 'none', source: firefoxPrefs },
  fixes: [],
  notes: [
    {
      text: 'At most 200 WebSockets in the whole browser; past that the constructor fails.',
      source: firefoxPrefs,
    },
    {
      text: 'A fast loop of reconnects is slowed by the browser, and one address is dialled one at a time.',
      source: firefoxPrefs,
    },
    { text: 'A handshake slower than 20 s is given up.', source: firefoxPrefs },
  ],
};

export const browserApi: Intermediary = {
  id: 'browser-websocket-api',
  name: 'WebSocket in the browser',
  kind: 'browser',
  markers: [],
  idle: { kind: 'none', source: standard('WHATWG WebSockets') },
  fixes: [],
  notes: [
    {
      text: 'A page cannot send a ping, cannot set a header, and does not see the status of a failed handshake.',
      source: standard('WHATWG WebSockets'),
    },
    {
      text: 'Pings are answered by the engine, also in a background tab whose timers are throttled.',
      source: standard('WHATWG WebSockets'),
    },
    {
      text: 'Mixed content and Content-Security-Policy block a socket before any packet.',
      source: standard('W3C CSP, connect-src'),
    },
  ],
};
