/**
 * The closed list of errors that an operation (publish, request, subscribe, connect) can fail with.
 * The text says what to do; servers send theirs over the wire, so that a client need not carry them.
 */
export const errorCodes = [
  // From the server, about one operation.
  'not-authorized',
  'invalid-name',
  'reserved-topic',
  'unknown-method',
  'method-failed',
  'invalid-payload',
  'too-many-subscriptions',
  'already-subscribed',
  'window-exceeded',
  'sequence-stale',
  'log-unavailable',
  'log-full',
  // From either side.
  'too-big',
  'outcome-unknown',
  // From the client itself.
  'outbox-full',
  'timed-out',
  'closed',
  'unsubscribed',
  'invalid-option',
  // Why a client gave up for good.
  'unauthorized',
  'superseded',
  'ended-by-server',
  'unsupported-version',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** Every error that Holdfast raises or rejects with. `message` says what happened and what to do. */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
