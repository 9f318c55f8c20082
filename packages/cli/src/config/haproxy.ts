import { headline, idleSeconds, socketsToHold, type ProxySettings } from './settings.ts';

/** A whole haproxy.cfg. */
export function haproxyConfig(settings: ProxySettings): string {
  const { upstream, host, port, path, tls } = settings;
  const idle = idleSeconds(settings);
  const bind = tls
    ? `# One file holds certificate and key: cat ${tls.certificate} ${tls.key} > /etc/haproxy/${host}.pem
    bind :${port} ssl crt /etc/haproxy/${host}.pem alpn http/1.1`
    : `bind :${port}`;
  return `# ${headline(settings)}
# To be saved as /etc/haproxy/haproxy.cfg; try it with: haproxy -c -f /etc/haproxy/haproxy.cfg
global
    maxconn ${socketsToHold(settings)}
    # Old processes end this long after a reload; their idle connections leave one by one before.
    hard-stop-after 30m
    close-spread-time 5m

defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout http-request 10s
    timeout queue 5s
    # The idle limit of a socket: three heartbeats.
    timeout tunnel ${idle}s
    timeout client-fin 30s
    timeout server-fin 30s
    option redispatch
    option abortonclose
    option clitcpka
    option srvtcpka
    option forwardfor

frontend web
    ${bind}
    use_backend app if { hdr(host),field(1,:) -i ${host} } { path_beg ${path} }

backend app
    balance leastconn
    server app1 ${upstream} check inter 2s rise 1
`;
}
