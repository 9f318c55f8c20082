import { headline, idleSeconds, socketsToHold, type ProxySettings } from './settings.ts';

/** Debian's mpm_event.conf sets ThreadLimit 64, which bounds the threads of one process. */
const THREADS_PER_CHILD = 64;

/** One site of Apache, with the workers that its sockets need. */
export function apacheConfig(settings: ProxySettings): string {
  const { upstream, host, port, path, tls } = settings;
  const children = Math.max(2, Math.ceil(socketsToHold(settings) / THREADS_PER_CHILD));
  const idle = idleSeconds(settings);
  // Debian's ports.conf listens on the well-known ones.
  const listen = port === 80 || port === 443 ? '' : `Listen ${port}\n`;
  const certificate = tls
    ? `\n    SSLEngine on\n    SSLCertificateFile ${tls.certificate}\n    SSLCertificateKeyFile ${tls.key}\n`
    : '';
  return `# ${headline(settings)}
# To be saved as /etc/apache2/sites-available/${host}.conf, then:
#   a2enmod proxy_http headers${tls ? ' ssl' : ''} && a2ensite ${host} && apachectl configtest && apachectl graceful
${listen}
# Each open socket holds one worker.
ThreadsPerChild ${THREADS_PER_CHILD}
ServerLimit ${children}
MaxRequestWorkers ${children * THREADS_PER_CHILD}

<VirtualHost *:${port}>
    ServerName ${host}
${certificate}
    # The idle limit of a socket, three heartbeats, is the larger of these two.
    Timeout ${idle}
    ProxyTimeout ${idle}
    ProxyPreserveHost On
    RequestHeader set X-Forwarded-Proto "${tls ? 'https' : 'http'}"
    ProxyPass "${path}" "http://${upstream}${path}" upgrade=websocket connectiontimeout=5
</VirtualHost>
`;
}
