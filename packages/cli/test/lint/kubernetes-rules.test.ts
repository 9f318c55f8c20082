import { describe, expect, it } from 'vitest';
import { idsOf, lintText, testExamples, type RuleExample } from './support.ts';

const ingress = (annotations: string, className = 'nginx') => `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: app
  annotations:
    ${annotations}
spec:
  ingressClassName: ${className}
  rules:
  - http:
      paths:
      - path: /ws
        pathType: Prefix
        backend: { service: { name: app, port: { number: 80 } } }
`;

const good = 'nginx.ingress.kubernetes.io/proxy-read-timeout: "3600"';

const controller = (grace: number) => `apiVersion: v1
kind: ConfigMap
metadata: { name: ingress-nginx-controller }
data:
  worker-shutdown-timeout: 600s
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: ingress-nginx-controller }
spec:
  template:
    spec:
      terminationGracePeriodSeconds: ${grace}
`;

const backendConfig = (seconds: number) =>
  `apiVersion: cloud.google.com/v1\nkind: BackendConfig\nmetadata: { name: app }\nspec:\n  timeoutSec: ${seconds}\n`;

const examples: readonly RuleExample[] = [
  { rule: 'NGX025', wrong: ingress('other: "1"'), on: 'apiVersion', right: ingress(good) },
  {
    rule: 'NGX025',
    when: 'with a unit',
    wrong: ingress('nginx.ingress.kubernetes.io/proxy-read-timeout: 3600s'),
    on: 'nginx.ingress',
    right: ingress(good),
  },
  { rule: 'NGX026', wrong: controller(300), on: 'worker-shutdown-timeout', right: controller(900) },
  {
    rule: 'NGX028',
    wrong: ingress(`${good}\n    nginx.ingress.kubernetes.io/limit-connections: "20"`),
    on: 'nginx.ingress.kubernetes.io/limit',
    right: ingress(`${good}\n    nginx.ingress.kubernetes.io/limit-connections: "0"`),
  },
  {
    rule: 'K8S001',
    context: { heartbeatMs: 70_000 },
    wrong: ingress(
      'alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds=60',
      'alb',
    ),
    on: 'alb.ingress',
    right: ingress(
      'alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds=300',
      'alb',
    ),
  },
  {
    rule: 'K8S001',
    when: 'on a Service, in minutes',
    context: { heartbeatMs: 300_000 },
    wrong:
      'apiVersion: v1\nkind: Service\nmetadata:\n  annotations:\n    service.beta.kubernetes.io/azure-load-balancer-tcp-idle-timeout: "4"\n',
    on: 'service.beta',
    right:
      'apiVersion: v1\nkind: Service\nmetadata:\n  annotations:\n    service.beta.kubernetes.io/azure-load-balancer-tcp-idle-timeout: "30"\n',
  },
  {
    rule: 'K8S002',
    wrong: ingress('nginx.org/proxy-read-timeout: 3600s'),
    on: 'apiVersion',
    right: ingress('nginx.org/websocket-services: app'),
  },
  { rule: 'K8S003', wrong: backendConfig(30), on: 'timeoutSec', right: backendConfig(86_400) },
];

describe('the rules for Kubernetes', () => {
  it('find nothing in an Ingress without a fault', () => {
    expect(idsOf(lintText('kubernetes', ingress(good)))).toEqual([]);
  });

  testExamples('kubernetes', examples);

  it('take the read timeout of the controller where the Ingress has none', () => {
    const settings = (seconds: number) =>
      `kind: ConfigMap\ndata:\n  proxy-read-timeout: "${seconds}"\n---\n${ingress('nginx.ingress.kubernetes.io/proxy-body-size: 1m')}`;
    expect(idsOf(lintText('kubernetes', settings(3_600)))).toEqual([]);
    const [finding] = lintText('kubernetes', settings(0)).findings;
    expect(finding).toMatchObject({ line: 3, message: expect.stringContaining('is 0') });
  });
});
