import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { withoutControls } from './response-head.ts';
import { connectRequest, type ForwardProxy, openTunnel } from './forward-proxy.ts';
import type { Target } from './target.ts';

/** What TLS said about itself; `trusted: false` does not stop the handshake, so that the rest can be seen. */
export interface TlsFacts {
  readonly trusted: boolean;
  /** OpenSSL's or Node's code, as in CERT_HAS_EXPIRED. */
  readonly error: string | null;
  readonly protocol: string | null;
  readonly alpn: string | null;
  readonly subject: string;
  readonly issuer: string;
  readonly names: string;
  readonly validFrom: string;
  readonly validTo: string;
}

export type LineFailure = {
  readonly kind: 'no-line';
  readonly phase: 'name' | 'proxy' | 'tcp' | 'tls';
  /** A code of the system or of OpenSSL; TIMEOUT when nothing answered. */
  readonly code: string;
  readonly message: string;
  /** What the forward proxy answered instead of opening a tunnel. */
  readonly status?: number;
};

export type LineOutcome =
  | { readonly kind: 'line'; readonly socket: Socket; readonly tls: TlsFacts | null }
  | LineFailure;

export interface LineOptions {
  /** Connects here instead of asking the resolver again. */
  readonly address?: string | undefined;
  /** The address of this machine to leave from. */
  readonly localAddress?: string | undefined;
  /** The way leads through the tunnel of this proxy. */
  readonly proxy?: ForwardProxy | null;
  readonly ca?: string | undefined;
  readonly alpn?: readonly string[] | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** OpenSSL tells the reason in a few words, beside a message with an address of its own source. */
export function lineFailure(
  phase: LineFailure['phase'],
  error: NodeJS.ErrnoException & { readonly reason?: string },
): LineFailure {
  return {
    kind: 'no-line',
    phase,
    code: error.code ?? 'UNKNOWN',
    message: (error.reason ?? error.message).trim(),
  };
}

/** Opens TCP, and TLS where the address asks for it. Never throws for what the network did. */
export function openLine(target: Target, options: LineOptions): Promise<LineOutcome> {
  return new Promise((resolve) => {
    const { proxy = null } = options;
    let phase: LineFailure['phase'] = proxy ? 'proxy' : options.address || target.isAddress ? 'tcp' : 'name';
    const tcp = connectTcp({
      host: proxy?.host ?? options.address ?? target.host,
      port: proxy?.port ?? target.port,
      ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
    });
    let socket: Socket = tcp;
    const settle = (outcome: LineOutcome) => {
      clearTimeout(timer);
      options.signal.removeEventListener('abort', abort);
      socket.off('error', fail);
      tcp.off('error', fail);
      socket.off('close', closed);
      if (outcome.kind === 'no-line') {
        // Late errors of a socket that nobody needs any more must not end the process.
        for (const dropped of [socket, tcp]) dropped.on('error', () => {}).destroy();
      }
      resolve(outcome);
    };
    const fail = (error: NodeJS.ErrnoException) => settle(lineFailure(phase, error));
    const give = (code: string, message: string) => settle({ kind: 'no-line', phase, code, message });
    const refuse = (status: number | null) => {
      const message = `the forward proxy answered ${status ?? 'with something else than HTTP'}`;
      settle({ kind: 'no-line', phase, code: 'NO_TUNNEL', message, ...(status !== null && { status }) });
    };
    const abort = () => give('ABORTED', 'stopped');
    const closed = () => {
      const when = phase === 'proxy' ? 'before the forward proxy answered' : 'during the TLS handshake';
      give('ECONNRESET', `the connection was closed ${when}`);
    };
    const timer = setTimeout(
      () => give('TIMEOUT', `nothing answered for ${options.timeoutMs} ms`),
      options.timeoutMs,
    );
    options.signal.addEventListener('abort', abort, { once: true });
    if (options.signal.aborted) abort();
    tcp.once('error', fail);
    const carry = () => {
      if (!target.secure) return settle({ kind: 'line', socket: tcp, tls: null });
      phase = 'tls';
      const tls = startTls(tcp, target, options);
      socket = tls;
      tls.once('error', fail);
      tls.once('close', closed);
      tls.once('secureConnect', () => settle({ kind: 'line', socket: tls, tls: tlsFacts(tls) }));
    };
    tcp.once('lookup', () => {
      if (phase === 'name') phase = 'tcp';
    });
    tcp.once('connect', () => {
      tcp.setNoDelay(true);
      if (proxy === null) return carry();
      tcp.once('close', closed);
      openTunnel(tcp, connectRequest(target, proxy), (tunnel) => {
        tcp.off('close', closed);
        if (tunnel.kind === 'open') carry();
        else refuse(tunnel.status);
      });
    });
  });
}

/** What is wrong with the certificate is seen and told, so the handshake goes on. */
function startTls(tcp: Socket, target: Target, { alpn = ['http/1.1'], ca }: LineOptions): TLSSocket {
  return connectTls({
    socket: tcp,
    host: target.host,
    ...(target.isAddress ? {} : { servername: target.host }),
    ALPNProtocols: [...alpn],
    rejectUnauthorized: false,
    ...(ca === undefined ? {} : { ca }),
  });
}

function tlsFacts(socket: TLSSocket): TlsFacts {
  const certificate: Partial<DetailedPeerCertificate> = socket.getPeerCertificate(true);
  // Typed as an Error, but it is the bare code.
  const error = socket.authorizationError as unknown;
  return {
    trusted: socket.authorized,
    error: error === null || error === undefined ? null : String(error),
    protocol: socket.getProtocol(),
    alpn: socket.alpnProtocol || null,
    subject: nameOf(certificate.subject),
    issuer: nameOf(certificate.issuer),
    names: withoutControls(certificate.subjectaltname ?? ''),
    validFrom: certificate.valid_from ?? '',
    validTo: certificate.valid_to ?? '',
  };
}

function nameOf(subject: DetailedPeerCertificate['subject'] | undefined): string {
  const name: string | string[] | undefined = subject?.CN ?? subject?.O;
  return withoutControls(Array.isArray(name) ? name.join(', ') : (name ?? ''));
}
