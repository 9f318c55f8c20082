import { connect, type ClientHttp2Session } from 'node:http2';
import { setTimeout as pause } from 'node:timers/promises';
import { openLine } from '../probe/line.ts';
import type { Way } from '../way.ts';
import { ok, problem, skipped, type Step } from './step.ts';

/** Preface, settings and one CONNECT with the user's headers. */
const SESSION_BYTES = 1_500;

export const http2: Step = {
  name: 'http2',
  title: 'WebSocket over HTTP/2',
  async run(way) {
    if (!way.target.secure) return skipped('browsers use HTTP/2 with TLS only');
    way.budget.openConnection();
    way.budget.sendBytes(SESSION_BYTES);
    const line = await openLine(way.target, { ...way.lineOptions, alpn: ['h2', 'http/1.1'] });
    try {
      if (line.kind === 'no-line' || line.tls?.alpn !== 'h2') {
        if (line.kind === 'line') line.socket.destroy();
        way.measured.http2 = { negotiated: false, offersWebSocket: false, status: null };
        return ok('not offered; browsers use HTTP/1.1');
      }
      const session = connect(way.target.origin, { createConnection: () => line.socket });
      session.on('error', () => {});
      const tried = await tryConnect(session, way);
      session.destroy();
      way.measured.http2 = { negotiated: true, ...tried };
      if (!tried.offersWebSocket) return ok('HTTP/2 without extended CONNECT; browsers use HTTP/1.1 for it');
      if (tried.status === 200) return ok('extended CONNECT works');
      return problem(`extended CONNECT is offered, but answered with ${tried.status ?? 'nothing'}`);
    } finally {
      way.budget.closeConnection();
    }
  },
};

/** Of one connection in HTTP/1; in HTTP/2 they are malformed (RFC 9113, 8.2.2). */
const CONNECTION_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** The extended CONNECT that a browser makes when it is offered (RFC 8441, section 4). */
export async function tryConnect(
  session: ClientHttp2Session,
  { target, settings, origin, signal }: Pick<Way, 'target' | 'settings' | 'origin' | 'signal'>,
): Promise<{ offersWebSocket: boolean; status: number | null }> {
  const ended = new Promise<null>((resolve) => {
    session.once('close', () => resolve(null));
    session.once('error', () => resolve(null));
  });
  const late = pause(settings.timeoutMs, null, { signal, ref: false }).catch(() => null);
  const offer = await Promise.race([
    new Promise<boolean>((resolve) =>
      session.once('remoteSettings', ({ enableConnectProtocol }) => resolve(enableConnectProtocol === true)),
    ),
    ended,
    late,
  ]);
  if (!offer) return { offersWebSocket: false, status: null };
  // It may have been taken back in the same breath.
  if (session.closed || session.destroyed) return { offersWebSocket: true, status: null };
  const stream = session.request(
    {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'https',
      ':authority': target.authority,
      ':path': target.resource,
      'sec-websocket-version': '13',
      ...(origin === null ? {} : { origin }),
      ...(settings.subprotocols.length > 0
        ? { 'sec-websocket-protocol': settings.subprotocols.join(', ') }
        : {}),
      ...Object.fromEntries(
        settings.headers
          .map(([name, value]) => [name.toLowerCase(), value] as const)
          .filter(([name]) => !CONNECTION_HEADERS.has(name)),
      ),
    },
    { endStream: false },
  );
  stream.on('error', () => {});
  const answered = new Promise<number | null>((resolve) => {
    stream.once('response', (headers) => resolve(Number(headers[':status'])));
    stream.once('close', () => resolve(null));
  });
  return { offersWebSocket: true, status: await Promise.race([answered, ended, late]) };
}
