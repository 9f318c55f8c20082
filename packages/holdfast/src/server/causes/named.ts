import { closeNameOf, type CloseName } from '../../protocol/close-codes.ts';
import type { CauseId, Evidence, Suspicion } from './verdict.ts';

type Definite = Exclude<CauseId, 'unknown'>;

/** What a close by name of this server, or of a server as a client heard it, was for. The rest says nothing by itself. */
const causeOfName: Partial<Record<CloseName, { id: Definite; fix?: string }>> = {
  closed: { id: 'server-closed' },
  gone: { id: 'server-closed' },
  'policy-violation': {
    id: 'protocol-error',
    fix: 'Send messages whole, not in thousands of fragments; look for a proxy that splits them.',
  },
  'too-big': { id: 'too-big', fix: 'Split the message, or raise limits.messageBytesMax.' },
  'internal-error': { id: 'server-closed', fix: 'Look into the server’s log.' },
  'auth-unavailable': {
    id: 'server-closed',
    fix: 'Look into the server’s log: its `authenticate` or `authorize` failed, for want of a database or of keys.',
  },
  'protocol-error': {
    id: 'protocol-error',
    fix: 'Use the same major version at both ends; look for a proxy that alters bytes.',
  },
  'unsupported-version': { id: 'protocol-error', fix: 'Upgrade the older side.' },
  unauthorized: { id: 'auth-expired', fix: 'Give connect a token that the server’s authenticate takes.' },
  'token-expired': {
    id: 'auth-expired',
    fix: 'Give token as a function, so that a new one can be fetched.',
  },
  superseded: { id: 'superseded', fix: 'One session belongs in one place: give each tab its own storage.' },
  'ended-by-server': { id: 'server-closed' },
  overloaded: { id: 'overload', fix: 'Add servers, or raise the limit that the server’s log names.' },
  'hello-timeout': { id: 'server-closed', fix: 'Look for a proxy that holds back the first message.' },
  'log-unavailable': { id: 'server-closed', fix: 'Look at the log’s server; nothing acknowledged is lost.' },
  'going-away': { id: 'server-drain' },
};

/** WebSocket codes (RFC 6455 §7.4.1) of an end that finds fault with what it got. */
const protocolCodes: ReadonlySet<string | number> = new Set([
  1002,
  1003,
  1007,
  'protocol-error',
  'policy-violation',
]);

/** A cause that one side has named: then there is nothing to find out, but whether the other side agrees. */
export function namedCause(evidence: Evidence): Suspicion | undefined {
  return evidence.server ? byServer(evidence) : byClient(evidence);
}

const moved = { id: 'client-closed', because: 'The client moved to another connection by itself.' } as const;

function byServer({ client, server }: Evidence): Suspicion | undefined {
  const { reason, endedBy, wasToldToGo, silentInMs } = server!;
  const wasLeft = endedBy !== 'server' || reason === 'superseded';
  if (wasToldToGo && wasLeft && client?.endedBy !== 'timeout') {
    const because = 'The server was being drained, and had asked the client to move.';
    return { id: 'server-drain', confidence: 0.97, because };
  }
  if (reason === 'too-big') return named('too-big', 0.97, 'A message exceeded limits.messageBytesMax.');
  if (wasLeft && client?.endedBy === 'move') return { ...moved, confidence: 0.95 };
  if (endedBy === 'server') {
    if (reason === 'superseded' && client && client.code !== 4004) return undefined;
    if (typeof reason === 'number') return undefined;
    return named(reason, reason === 'superseded' ? 0.9 : 0.98, `This server closed it as "${reason}".`);
  }
  if (endedBy === 'nobody' && !client) return takenOver(silentInMs);
  if (endedBy === 'nobody' || client?.endedBy === 'timeout') return undefined;
  if (client?.endedBy === 'peer') return undefined;
  if (protocolCodes.has(reason) || client?.endedBy === 'error') {
    const agree = protocolCodes.has(reason);
    return named(
      'protocol-error',
      agree ? 0.95 : 0.7,
      'The client could not make sense of what it got, and closed.',
    );
  }
  if (reason === 'closed')
    return { id: 'client-closed', confidence: 0.98, because: 'The client said goodbye.' };
  // A page that is left closes so, and so does a client that gives a connection up: that one would have said why.
  if (reason === 'gone' || reason === 1005) {
    return {
      id: 'client-closed',
      confidence: 0.85,
      because: 'The page or process ended, or left the connection.',
    };
  }
  return undefined;
}

/** Whoever came had nothing to say of a loss; if the old connection was not in use any more, that may be an oversight. */
function takenOver(silentInMs: number): Suspicion | undefined {
  const confidence = silentInMs <= 5_000 ? 0.85 : 0.55;
  return silentInMs <= 30_000
    ? named('superseded', confidence, 'Another client took the session over while this one was connected.')
    : undefined;
}

function byClient({ client, around }: Evidence): Suspicion | undefined {
  if (client?.endedBy === 'move') {
    if (closeNameOf(client.code) !== 'going-away') return { ...moved, confidence: 0.9 };
    return { id: 'server-drain', confidence: 0.9, because: 'The server that it left had asked it to move.' };
  }
  if (client?.endedBy === 'error') {
    return named('protocol-error', 0.75, 'The client could not make sense of what it got, and closed.');
  }
  if (client?.endedBy !== 'peer') return undefined;
  const name = closeNameOf(client.code);
  if (name === undefined || name === 'closed') return undefined;
  const because = `The client was told "${name}" by a server that is not this one.`;
  // Proxies use the codes of the RFC, too; those from 4000 up are ours alone.
  if (client.code >= 4_000 || name === 'too-big') return named(name, 0.9, because);
  // A process that was shut down in order says so, and its successor starts a little later.
  const { state } = around.node;
  const hasRestarted = state === 'unheard' && around.startedAtMs > around.nowMs - client.agoMs;
  return named(name, hasRestarted || state === 'left' ? 0.85 : 0.55, because);
}

function named(name: CloseName, confidence: number, because: string): Suspicion | undefined {
  const cause = causeOfName[name];
  return cause && { ...cause, confidence, because };
}

/** The client heard a close that this server, which saw the connection end, did not say. */
export function wasClosedBetween({ client, server }: Evidence): boolean {
  if (!server || server.endedBy === 'server' || client?.endedBy !== 'peer') return false;
  return client.code !== 1006 && client.code !== 1005 && client.code !== 0;
}
