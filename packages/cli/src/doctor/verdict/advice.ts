import type { FixTopic } from '../../facts/intermediary.ts';
import type { VerdictId } from './verdict-id.ts';

/** What to change, when no product is known or its settings are not the cure. */
export interface Advice {
  /** The topic under which the facts hold a product's own setting. */
  readonly topic?: FixTopic;
  readonly setting: string;
  readonly file: string;
  readonly snippet: string;
  readonly why: string;
}

const heartbeat = {
  setting: 'heartbeat of the application',
  file: 'the server or the client',
  snippet: 'setInterval(() => { for (const socket of wss.clients) socket.ping(); }, {heartbeatMs});',
} as const;

const certificate = (setting: string, why: string): Advice => ({
  setting,
  file: 'where TLS ends: the proxy or the server',
  snippet:
    'openssl s_client -connect HOST:443 -servername HOST </dev/null | openssl x509 -noout -dates -subject',
  why,
});

/** The cure of each verdict in general; `null` where there is nothing to change. */
export const adviceFor: Readonly<Record<VerdictId, Advice | null>> = {
  stable: null,
  'not-measured': null,
  'name-not-found': {
    setting: 'DNS record of the name',
    file: 'the zone of the domain, or the resolver of this machine',
    snippet: 'getent hosts HOST',
    why: 'Without an address there is nothing to connect to; check the spelling first.',
  },
  'forward-proxy-refused': {
    setting: 'CONNECT in the forward proxy',
    file: 'the proxy of this network, or HTTPS_PROXY and NO_PROXY of this machine',
    snippet: 'holdfast doctor … --proxy http://USER:PASSWORD@HOST:PORT',
    why: 'A WebSocket passes a forward proxy as a tunnel (CONNECT), which many grant to port 443 only: use wss:// there.',
  },
  'dead-address': {
    setting: 'A and AAAA records of the name',
    file: 'the zone of the domain',
    snippet: 'remove the address that does not answer, or start what should listen there',
    why: 'A client that tries the dead address first waits, and some never try the next.',
  },
  refused: {
    setting: 'the process that should listen',
    file: 'the server',
    snippet: 'ss -ltnp',
    why: 'The host answers, but no process accepts connections on this port.',
  },
  unreachable: {
    setting: 'firewall or route',
    file: 'between here and the host',
    snippet: 'nc -vz HOST PORT',
    why: 'No packet came back: the host is off, or a firewall drops silently.',
  },
  garbage: {
    setting: 'port',
    file: 'the address',
    snippet: 'curl -v http://HOST:PORT/',
    why: 'Another protocol listens on this port.',
  },
  endless: {
    setting: 'port',
    file: 'the address',
    snippet: 'curl -v http://HOST:PORT/',
    why: 'It sends on and on without finishing a response head.',
  },
  'tls-expired': certificate(
    'certificate renewal',
    'Browsers refuse an expired certificate without telling the page why.',
  ),
  'tls-not-yet-valid': certificate(
    'certificate or clock',
    'One of the clocks is wrong, or the certificate was put in place too early.',
  ),
  'tls-wrong-name': certificate(
    'names of the certificate',
    'The certificate must hold the very name of the address.',
  ),
  'tls-untrusted': certificate(
    'certificate chain',
    'Serve a certificate of a public authority with its whole chain; a self-signed one is refused.',
  ),
  'tls-failed': {
    setting: 'scheme of the address, or TLS of the port',
    file: 'the address or the proxy',
    snippet: 'openssl s_client -connect HOST:PORT -servername HOST',
    why: 'wss:// needs a port that speaks TLS, in a version and with a protocol that browsers know.',
  },
  'tls-needed': {
    setting: 'scheme of the address',
    file: 'the client',
    snippet: 'new WebSocket("wss://…")',
    why: 'The port wants TLS.',
  },
  redirected: {
    topic: 'redirect',
    setting: 'address of the WebSocket',
    file: 'the client',
    snippet: 'new WebSocket("THE ADDRESS IN Location, WITH wss://")',
    why: 'A WebSocket handshake must not be redirected; dial the final address.',
  },
  'not-found': {
    setting: 'path of the WebSocket',
    file: 'the address, or the location of the proxy',
    snippet: 'compare the path in the address with the one that the server listens on',
    why: 'Nothing lives at this path.',
  },
  'not-authorized': {
    setting: 'credentials',
    file: 'the client',
    snippet: 'holdfast doctor … --header "Authorization: Bearer …"',
    why: 'Whoever answers refuses before the upgrade.',
  },
  'origin-refused': {
    topic: 'host',
    setting: 'allowed origins',
    file: 'the server',
    snippet: 'allow the origin of your pages',
    why: 'Programs get in, browsers do not: the server compares Origin with a list, or with a Host that a proxy changed.',
  },
  'upgrade-lost': {
    topic: 'upgrade',
    setting: 'Upgrade and Connection headers',
    file: 'the proxy',
    snippet: 'pass "Upgrade: websocket" and "Connection: Upgrade" on to the server',
    why: 'Both are hop-by-hop (RFC 9110, 7.6.1), so each proxy drops them unless it is told not to.',
  },
  'not-websocket': {
    setting: 'path or port of the WebSocket',
    file: 'the address, or the server',
    snippet: 'new WebSocketServer({ server, path: "/ws" })',
    why: 'An HTTP server answers here, and it does not upgrade.',
  },
  'backend-unavailable': {
    setting: 'upstream of the proxy',
    file: 'the proxy, or the server behind it',
    snippet: 'ss -ltnp   # on the machine behind the proxy: does the server listen where the proxy looks?',
    why: 'The proxy answers, but the server behind it is down, unhealthy, or elsewhere.',
  },
  'backend-silent': {
    setting: 'handler of the upgrade event',
    file: 'the server',
    snippet:
      'server.on("upgrade", (request, socket, head) => wss.handleUpgrade(request, socket, head, accept));',
    why: 'Something accepts the connection and never answers: a blocked event loop, or a waiting check.',
  },
  'server-error': {
    setting: 'log of the server',
    file: 'the server',
    snippet: 'look for the exception at the time of this run',
    why: 'The handshake makes the server fail.',
  },
  'upgrade-cut': {
    topic: 'capacity',
    setting: 'connection and file limits',
    file: 'the proxy or the server',
    snippet: 'ulimit -n; look for "too many open files" in the log',
    why: 'A full table of connections, or a crash, cuts without an answer.',
  },
  'bad-accept': {
    setting: 'cache or rewriting on the way',
    file: 'the proxy',
    snippet: 'do not cache or rewrite answers to requests with Upgrade',
    why: 'The answer belongs to another handshake, or lost its headers on the way.',
  },
  'subprotocol-mismatch': {
    setting: 'list of subprotocols',
    file: 'the server',
    snippet: 'new WebSocketServer({ handleProtocols: (offered) => offered.has("NAME") ? "NAME" : false })',
    why: 'Browsers fail the handshake when the answer does not fit the question.',
  },
  'http2-broken': {
    setting: 'extended CONNECT (RFC 8441)',
    file: 'the proxy',
    snippet: 'take the offer back, or offer HTTP/1.1 only on this name: alpn http/1.1',
    why: 'A browser that already has an HTTP/2 connection will use it for the WebSocket.',
  },
  'compression-broken': {
    setting: 'permessage-deflate',
    file: 'the server',
    snippet: 'new WebSocketServer({ perMessageDeflate: false })',
    why: 'Something on the way does not bear compressed messages.',
  },
  'closed-at-once': {
    setting: 'check after the handshake',
    file: 'the server',
    snippet: 'close with a code of 4000 to 4999 and a reason, and read it in the client',
    why: 'The server lets the connection in and then refuses it: credentials, version, or a crash in its handler.',
  },
  'no-pong': {
    setting: 'pong',
    file: 'the server',
    snippet: 'answer each ping frame with a pong of the same payload',
    why: 'Without pongs neither a client nor a proxy can tell a living server from a dead one.',
  },
  'wrong-answer': {
    setting: 'handler of messages',
    file: 'the server',
    snippet: 'compare --send and --expect with what the server understands',
    why: 'The connection works; the answer is not the one expected.',
  },
  'line-unstable': {
    setting: 'line',
    file: 'the network between here and the server',
    snippet: 'mtr --tcp --port PORT HOST',
    why: 'Lost packets stop a TCP connection for 200 ms and more; try another line to find out whose it is.',
  },
  'message-cut': {
    setting: 'largest message',
    file: 'the server',
    snippet: 'new WebSocketServer({ maxPayload: 1024 * 1024 })',
    why: 'Larger messages must be split by the client or allowed by the server.',
  },
  'rate-limited': {
    topic: 'rate',
    setting: 'rate of handshakes',
    file: 'the proxy or the server',
    snippet: 'allow a burst, and spread reconnects in the client with a random delay',
    why: 'After an outage all clients return within seconds.',
  },
  'connection-limit': {
    topic: 'capacity',
    setting: 'largest number of connections',
    file: 'the proxy or the server',
    snippet: 'raise the limit above the number of clients that one address may hide',
    why: 'An open WebSocket holds its slot for its whole life.',
  },
  'slots-leaked': {
    setting: 'clean-up at the end of a connection',
    file: 'the server',
    snippet: "socket.on('close', () => sessions.delete(session));",
    why: 'Closed connections still count against a limit.',
  },
  'idle-limit': {
    topic: 'idle',
    ...heartbeat,
    why: 'A heartbeat within half of the limit keeps the connection from ever being silent that long.',
  },
  'idle-forgotten': {
    topic: 'half-open',
    ...heartbeat,
    why: 'Only traffic keeps an entry in a table of connections; nobody on the way can be asked to keep it.',
  },
  'lifetime-limit': {
    topic: 'lifetime',
    setting: 'largest age of a connection',
    file: 'the proxy, the platform or the server',
    snippet: 'raise or remove the limit, and let the client reconnect and resume',
    why: 'No heartbeat prevents it.',
  },
  'closed-together': {
    topic: 'reload',
    setting: 'graceful reload',
    file: 'the proxy or the server',
    snippet: 'reload instead of restart, and let clients leave over minutes',
    why: 'Every reload or deployment ends all connections at one moment.',
  },
  'drops-at-random': {
    setting: 'log of the server and of the proxy',
    file: 'both',
    snippet: 'holdfast doctor … --deep   # run it again, with --direct beside it',
    why: 'No pattern was found: a second and longer run may show one.',
  },
};
