import { docs, secondary } from '../intermediary.ts';
import type { Rule } from './rule.ts';

const ingressDocs = docs('ingress-nginx, user guide');

export const kubernetesRules = {
  NGX025: {
    severity: 'warning',
    title: 'proxy-read-timeout is missing or is not a plain number of seconds',
    why: 'The controller cuts a silent socket after 60 s unless a plain number says otherwise.',
    fix: 'nginx.ingress.kubernetes.io/proxy-read-timeout: "3600"',
    source: ingressDocs,
  },
  NGX026: {
    severity: 'warning',
    title: 'worker-shutdown-timeout is not below terminationGracePeriodSeconds',
    why: 'The Pod is killed while its sockets still drain.',
    fix: 'terminationGracePeriodSeconds: 3900   # above worker-shutdown-timeout',
    source: ingressDocs,
  },
  NGX028: {
    severity: 'warning',
    title: 'a limit per client address counts open sockets',
    why: 'An office behind one address is answered 503, per replica of the controller.',
    fix: 'remove the annotation, or size it for offices',
    source: ingressDocs,
  },
  K8S001: {
    severity: 'error',
    title: 'an idle timeout is not above the heartbeat',
    why: 'The load balancer cuts the socket between two heartbeats.',
    fix: 'raise the annotation to two or three heartbeats',
    source: docs('the documentation of each controller'),
  },
  K8S002: {
    severity: 'error',
    title: 'the NGINX Ingress Controller is not told which services speak WebSocket',
    why: 'Unlike ingress-nginx, it forwards an upgrade only for the services in this list.',
    fix: 'nginx.org/websocket-services: "NAME"',
    source: docs('NGINX Ingress Controller, annotations'),
  },
  K8S003: {
    severity: 'warning',
    title: 'the timeout of the Google backend cuts sockets at an age',
    why: 'It counts from the start and is 30 s by default, however busy the socket is.',
    fix: 'spec:\n  timeoutSec: 86400',
    source: secondary('gcpdiag, rule lb/BP/2025_002'),
  },
} as const satisfies Record<string, Rule>;
