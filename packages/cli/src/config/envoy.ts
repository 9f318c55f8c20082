import { headline, idleSeconds, socketsToHold, type ProxySettings } from './settings.ts';

/** A whole bootstrap of Envoy. */
export function envoyConfig(settings: ProxySettings): string {
  const { upstream, host, port, path, tls } = settings;
  const [address, upstreamPort] = splitUpstream(upstream);
  const sockets = socketsToHold(settings);
  return `# ${headline(settings)}
# Try it with: envoy --mode validate -c FILE
static_resources:
  listeners:
  - name: web
    address:
      socket_address: { address: 0.0.0.0, port_value: ${port} }
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: web
          upgrade_configs:
          - upgrade_type: websocket
          # Rollouts end open sockets after this time.
          drain_timeout: 60s
          route_config:
            virtual_hosts:
            - name: web
              domains: ["${host}", "${host}:*"]
              routes:
              - match: { prefix: "${path}" }
                route:
                  cluster: app
                  timeout: 0s
                  # The idle limit of a socket: three heartbeats.
                  idle_timeout: ${idleSeconds(settings)}s
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
${tls ? transportSocket(tls) : ''}  clusters:
  - name: app
    type: STRICT_DNS
    connect_timeout: 5s
    lb_policy: LEAST_REQUEST
    circuit_breakers:
      thresholds:
      - max_connections: ${sockets}
        max_requests: ${sockets}
        max_pending_requests: ${sockets}
    load_assignment:
      cluster_name: app
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address: { address: "${address}", port_value: ${upstreamPort} }
`;
}

function transportSocket({ certificate, key }: { certificate: string; key: string }): string {
  return `      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            tls_certificates:
            - certificate_chain: { filename: "${certificate}" }
              private_key: { filename: "${key}" }
`;
}

/** "host:port" or "[address]:port" in two. */
export function splitUpstream(upstream: string): readonly [host: string, port: string] {
  const colon = upstream.lastIndexOf(':');
  return [upstream.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), upstream.slice(colon + 1)];
}
