import type { Ending } from '../probe/connection.ts';
import type { Opened, Refusal } from '../probe/handshake.ts';
import { printable } from '../probe/response-head.ts';

/** How a connection ended, in words for a person. */
export function describeEnding(ending: Ending | null): string {
  switch (ending?.how) {
    case undefined:
      return 'nothing came back';
    case 'close-frame': {
      const reason = ending.reason === '' ? '' : ` "${ending.reason}"`;
      return `a Close frame with code ${ending.code}${reason}`;
    }
    case 'fin':
      return 'TCP was closed without a Close frame (browsers call it 1006)';
    case 'reset':
      return 'TCP was reset';
    case 'timed-out':
      return 'TCP gave up: its packets stayed unanswered';
    case 'violation':
      return `the server broke the protocol: ${ending.what}`;
    case 'local':
      return 'this side closed it';
  }
}

/** What came instead of a WebSocket. */
export function describeOutcome(outcome: Opened | Refusal): string {
  switch (outcome.kind) {
    case 'open':
      return '101 Switching Protocols';
    case 'answered': {
      const location = outcome.headers['location']?.[0];
      const where = location === undefined ? '' : ` to ${printable(location, 200)}`;
      return `${outcome.status} ${outcome.reason}`.trim() + where;
    }
    case 'bad-accept':
      return `101, but ${outcome.what}`;
    case 'closed':
      return outcome.how === 'fin'
        ? 'the connection was closed without an answer'
        : 'the connection was reset without an answer';
    case 'silent':
      return 'no answer to the handshake';
    case 'not-http':
      return `an answer that is not HTTP: "${outcome.sample}"`;
    case 'endless':
      return 'a response head that does not end';
    case 'no-line':
      return `${{ name: 'name resolution', proxy: 'the tunnel of the forward proxy', tcp: 'the TCP connection', tls: 'the TLS handshake' }[outcome.phase]} failed (${outcome.code})`;
  }
}
