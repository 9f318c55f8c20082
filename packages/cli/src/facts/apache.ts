import { code, docs, measured, SECOND_MS, type Intermediary } from './intermediary.ts';

const modProxy = docs('Apache httpd manual, mod_proxy');
const lab = measured('Apache httpd 2.4.71 on loopback');

export const apache: Intermediary = {
  id: 'apache',
  name: 'Apache httpd',
  kind: 'proxy',
  markers: [
    { header: 'server', pattern: /^Apache\b(?!-Coyote)/, strength: 'strong' },
    { pattern: /<address>Apache\/[\d.]+/, strength: 'strong' },
  ],
  idle: {
    kind: 'timer',
    defaultMs: 60 * SECOND_MS,
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
      setting: 'ProxyPass … upgrade=websocket',
      default: 'absent: the upgrade is dropped and the backend sees a plain GET',
      file: 'the VirtualHost',
      snippet: 'ProxyPass "/ws" "http://127.0.0.1:8080/ws" upgrade=websocket timeout={seconds}',
      why: 'Since 2.4.47 one rule serves plain requests and WebSockets.',
      source: modProxy,
    },
    {
      topic: 'idle',
      setting: 'timeout= on ProxyPass, or ProxyTimeout',
      default: 'the value of Timeout (60; 300 in the Debian package)',
      file: 'the VirtualHost',
      snippet: 'ProxyTimeout {seconds}',
      why: 'The larger of Timeout and this value ends a silent tunnel: raising works, lowering below Timeout does nothing.',
      source: lab,
    },
    {
      topic: 'capacity',
      setting: 'MaxRequestWorkers',
      default: '400 with mpm_event (150 in the Debian package)',
      file: '/etc/apache2/mods-available/mpm_event.conf',
      snippet: 'ServerLimit 80\nThreadsPerChild 25\nMaxRequestWorkers 2000',
      why: 'Each open socket holds one worker thread.',
      source: docs('Apache httpd manual, mpm_common'),
    },
    {
      topic: 'reload',
      setting: 'apachectl graceful',
      default: 'restart ends every socket at once',
      file: 'the command that reloads',
      snippet: 'apachectl graceful',
      why: 'SIGUSR1 lets open sockets live in the old children; SIGHUP cuts them.',
      source: lab,
    },
  ],
  notes: [
    {
      text: 'With ws:// targets of mod_proxy_wstunnel that rule must stand before the http:// rule of the same path.',
      source: docs('Apache httpd manual, mod_proxy_wstunnel'),
    },
    { text: 'RequestReadTimeout does not touch a tunnel.', source: code('Apache httpd, proxy_util.c') },
    {
      text: 'A ws:// target answers 426 to a request without Upgrade.',
      source: docs('Apache httpd manual, mod_proxy_wstunnel'),
    },
  ],
};
