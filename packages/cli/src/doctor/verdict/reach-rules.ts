import type { TlsMeasured } from '../measurements.ts';
import type { Finding, Rule } from './finding.ts';
import type { VerdictId } from './verdict-id.ts';

/** Rules about everything below HTTP. */
export const reachRules: readonly Rule[] = [
  {
    part: 'forwardProxy',
    hop: 'fixed',
    find({ forwardProxy }) {
      if (!forwardProxy || forwardProxy.outcome === 'tunnel') return null;
      const { address, status, code } = forwardProxy;
      const told = status === null ? `could not be used (${code})` : `answered CONNECT with ${status}`;
      const evidence = [`The forward proxy ${address} ${told}.`];
      if (status === 407) evidence.push('It wants credentials.');
      if (status === 502 || status === 503 || status === 504)
        evidence.push('It did not reach the server itself.');
      return { id: 'forward-proxy-refused', hop: 'client-network', confidence: 'high', evidence };
    },
  },
  {
    part: 'names',
    hop: 'fixed',
    find({ names }) {
      if (!names || names.error === null) return null;
      const evidence = [`The resolver answered ${names.error} after ${Math.round(names.ms)} ms.`];
      return { id: 'name-not-found', hop: 'dns', confidence: 'high', evidence };
    },
  },
  {
    part: 'tcp',
    hop: 'fixed',
    find({ tcp }) {
      if (!tcp || tcp.attempts.some(({ outcome }) => outcome === 'connected')) return null;
      const evidence = tcp.attempts.map(({ address, outcome }) => `${address}: ${outcome}.`);
      return tcp.attempts.every(({ outcome }) => outcome === 'refused')
        ? { id: 'refused', hop: 'server', confidence: 'medium', evidence }
        : { id: 'unreachable', hop: 'client-network', confidence: 'medium', evidence };
    },
  },
  { part: 'tls', hop: 'fixed', find: ({ tls }) => (tls ? tlsFinding(tls) : null) },
];

/** Last of all, because clients try the next address by themselves: it costs them time, not the connection. */
export const deadAddressRule: Rule = {
  part: 'idle',
  hop: 'fixed',
  find({ tcp, idle }) {
    if (!tcp || !idle) return null;
    const dead = tcp.attempts.filter(({ address, outcome }) => {
      const loopback = address === '::1' || address.startsWith('127.');
      return outcome === 'timed-out' || (outcome === 'refused' && !loopback);
    });
    if (dead.length === 0) return null;
    const evidence = tcp.attempts.map(({ address, outcome }) => `${address}: ${outcome}.`);
    return { id: 'dead-address', hop: 'dns', confidence: 'high', evidence };
  },
};

const certificateErrors: Readonly<Record<string, VerdictId>> = {
  CERT_HAS_EXPIRED: 'tls-expired',
  CERT_NOT_YET_VALID: 'tls-not-yet-valid',
  ERR_TLS_CERT_ALTNAME_INVALID: 'tls-wrong-name',
};

function tlsFinding(tls: TlsMeasured): Finding | null {
  if (tls.kind === 'failed') {
    const notTls = /WRONG_VERSION_NUMBER|PACKET_LENGTH|UNKNOWN_PROTOCOL/.test(tls.code);
    const evidence = notTls
      ? ['The port answers, but not with TLS: it probably wants ws://.', `OpenSSL: ${tls.code}.`]
      : [`The handshake ended with ${tls.code}: ${tls.message}.`];
    return { id: 'tls-failed', hop: 'tls', confidence: notTls ? 'high' : 'medium', evidence };
  }
  if (tls.trusted) return null;
  const id = certificateErrors[tls.error ?? ''] ?? 'tls-untrusted';
  const evidence = [
    `The check of the certificate says ${tls.error}.`,
    `It is for ${tls.names || tls.subject || 'nobody'}, from ${tls.issuer || 'nobody'}, valid ${tls.validFrom} to ${tls.validTo}.`,
  ];
  return { id, hop: 'tls', confidence: 'high', evidence };
}
