import { headline, type ProxySettings } from './settings.ts';

/** The static and the dynamic file of Traefik, as two YAML documents. It has no idle limit by itself. */
export function traefikConfig(settings: ProxySettings): string {
  const { upstream, host, port, path, tls } = settings;
  const secure = tls ? '\n      tls: {}' : '';
  const certificates = tls
    ? `\ntls:\n  certificates:\n  - certFile: ${tls.certificate}\n    keyFile: ${tls.key}\n`
    : '';
  return `# ${headline(settings)}
# The first document: /etc/traefik/traefik.yml
entryPoints:
  web:
    address: ":${port}"
    transport:
      lifeCycle:
        requestAcceptGraceTimeout: 10s
        # A stop waits this long for open sockets, then closes them without a Close frame.
        graceTimeOut: 60s
providers:
  file:
    filename: /etc/traefik/dynamic.yml
---
# The second document: /etc/traefik/dynamic.yml
http:
  routers:
    websocket:
      rule: "Host(\`${host}\`) && PathPrefix(\`${path}\`)"
      entryPoints: [web]
      service: app${secure}
  services:
    app:
      loadBalancer:
        passHostHeader: true
        servers:
        - url: "http://${upstream}"
${certificates}`;
}
