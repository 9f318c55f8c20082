export type Hop = 'client-network' | 'dns' | 'tls' | 'proxy' | 'server' | 'none';
export type Confidence = 'high' | 'medium' | 'low';

/** What the exit code of the command says about a verdict. */
export type Standing = 'stable' | 'problem' | 'not-tested';

/** The closed list of verdicts; the guide has a page for each. */
export const verdictTitles = {
  stable: 'Nothing on this way ends the connection.',
  'name-not-found': 'The name does not resolve.',
  refused: 'Nothing listens at this address.',
  unreachable: 'The host does not answer.',
  garbage: 'What answers does not speak HTTP.',
  endless: 'What answers never ends its answer.',
  'not-measured': 'The run did not get far enough to say anything.',
  'forward-proxy-refused': 'The forward proxy does not let the connection through.',
  'dead-address': 'One of the addresses of the name does not answer.',
  'tls-expired': 'The certificate has expired.',
  'tls-not-yet-valid': 'The certificate is not valid yet.',
  'tls-wrong-name': 'The certificate is for another name.',
  'tls-untrusted': 'The certificate comes from nobody that clients trust.',
  'tls-failed': 'The TLS handshake fails.',
  'tls-needed': 'This port speaks TLS: the address must begin with wss://.',
  redirected: 'The handshake is redirected, and browsers do not follow.',
  'not-found': 'No WebSocket lives at this path.',
  'not-authorized': 'The server asks for credentials.',
  'origin-refused': 'The server refuses the Origin that a browser sends.',
  'upgrade-lost': 'The request to upgrade is lost on the way to the server.',
  'not-websocket': 'The server answers, but not as a WebSocket.',
  'backend-unavailable': 'The proxy does not reach the server behind it.',
  'backend-silent': 'The server does not answer the handshake.',
  'server-error': 'The server fails during the handshake.',
  'upgrade-cut': 'The connection is cut instead of an answer to the handshake.',
  'bad-accept': 'The handshake is answered with 101, but as no browser accepts it.',
  'subprotocol-mismatch': 'Client and server do not agree on a subprotocol.',
  'http2-broken': 'WebSockets over HTTP/2 are offered, but do not work.',
  'compression-broken': 'Connections with compression break.',
  'closed-at-once': 'The server closes the connection right after it opened.',
  'no-pong': 'The server does not answer pings.',
  'wrong-answer': 'The server does not answer as expected.',
  'line-unstable': 'The line stalls: packets are lost on the way.',
  'message-cut': 'A message within the allowed size ends the connection.',
  'rate-limited': 'Handshakes that come fast are refused.',
  'connection-limit': 'Only so many connections are let in at once.',
  'slots-leaked': 'Closed connections still count, so new ones are refused.',
  'idle-limit': 'Silent connections are closed.',
  'idle-forgotten': 'Silent connections are forgotten on the way, without a word to either end.',
  'lifetime-limit': 'Connections are closed at a certain age, however busy.',
  'closed-together': 'All connections were closed at one moment: a reload or a restart.',
  'drops-at-random': 'Connections end without a pattern.',
} as const;

export type VerdictId = keyof typeof verdictTitles;

const notTested: ReadonlySet<VerdictId> = new Set([
  'name-not-found',
  'refused',
  'unreachable',
  'garbage',
  'endless',
  'not-measured',
]);

export function standingOf(id: VerdictId): Standing {
  if (id === 'stable') return 'stable';
  return notTested.has(id) ? 'not-tested' : 'problem';
}
