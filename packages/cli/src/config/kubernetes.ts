import { splitUpstream } from './envoy.ts';
import { headline, idleSeconds, type ProxySettings } from './settings.ts';

/** An Ingress for ingress-nginx. The upstream is "service:port". */
export function kubernetesConfig(settings: ProxySettings): string {
  const { upstream, host, path, tls } = settings;
  const [service, port] = splitUpstream(upstream);
  const name = service.replace(/[^a-z0-9-]/gi, '-').toLowerCase();
  const secret = `${host.replaceAll('.', '-')}-tls`;
  const secure = tls
    ? `  # kubectl create secret tls ${secret} --cert=${tls.certificate} --key=${tls.key}
  tls:
  - hosts: ["${host}"]
    secretName: ${secret}
`
    : '';
  return `# ${headline(settings)}
# Try it with: kubectl apply --dry-run=server -f FILE
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: ${name}-websocket
  annotations:
    # The idle limit of a socket, three heartbeats, in seconds without a unit.
    nginx.ingress.kubernetes.io/proxy-read-timeout: "${idleSeconds(settings)}"
    nginx.ingress.kubernetes.io/proxy-send-timeout: "${idleSeconds(settings)}"
spec:
  ingressClassName: nginx
${secure}  rules:
  - host: "${host}"
    http:
      paths:
      - path: ${path}
        pathType: Prefix
        backend:
          service:
            name: ${service}
            port:
              number: ${port}
`;
}
