import { nginxUpgradeHeaders, nginxUpgradeMap } from '../facts/nginx.ts';
import { headline, idleSeconds, type ProxySettings } from './settings.ts';

/** A whole nginx.conf. */
export function nginxConfig(settings: ProxySettings): string {
  const { upstream, host, port, path, connections, tls } = settings;
  // Two slots per socket and a tenth to spare; any one worker could come to hold them all.
  const slots = Math.max(1_024, Math.ceil(connections * 2.2));
  const idle = idleSeconds(settings);
  const certificate = tls
    ? `\n        ssl_certificate ${tls.certificate};\n        ssl_certificate_key ${tls.key};\n`
    : '';
  return `# ${headline(settings)}
# To be saved as /etc/nginx/nginx.conf; try it with: nginx -t
worker_processes auto;
worker_rlimit_nofile ${Math.max(65_535, slots * 2)};
# Old workers end this long after a reload, with what sockets they still hold.
worker_shutdown_timeout 10m;

events {
    worker_connections ${slots};
}

http {
${indent(nginxUpgradeMap, 4)}

    upstream app {
        server ${upstream};
        keepalive 16;
    }

    server {
        # The system finds clients that vanished, within two minutes.
        listen ${port}${tls ? ' ssl' : ''} so_keepalive=60s:15s:4;
        server_name ${host};
${certificate}
        location ${path} {
            proxy_pass http://app;
${indent(nginxUpgradeHeaders, 12)}
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_connect_timeout 5s;
            # The idle limit of a socket: three heartbeats.
            proxy_read_timeout ${idle}s;
            proxy_send_timeout ${idle}s;
            proxy_socket_keepalive on;
        }
    }
}
`;
}

function indent(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => ' '.repeat(width) + line)
    .join('\n');
}
