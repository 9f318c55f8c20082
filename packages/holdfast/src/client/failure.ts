import { HoldfastError, type ErrorCode } from '../protocol/error-codes.ts';
import type { Cause } from '../session/link.ts';

/** What an operation rejects with: the server's word on it, or why the client ended. */
export function failure({ code, text }: Cause): HoldfastError {
  return new HoldfastError(code as ErrorCode, text);
}
