import { HoldfastError } from '../protocol/error-codes.ts';
import type { PayloadCodec } from '../protocol/payload.ts';

/** What a method is called with. That it can't be read is the caller's to know. */
export function decodeArguments(codec: PayloadCodec, method: string, payload: Uint8Array): unknown {
  try {
    return codec.decode(payload);
  } catch {
    const text = `What was sent to "${method}" can’t be decoded. Use the same codec at both ends.`;
    throw new HoldfastError('invalid-payload', text);
  }
}

/** What it gives. That it can't be written is the method's own failure, and its server's to know (SPEC REQ-4). */
export function encodeResult(codec: PayloadCodec, result: unknown): Uint8Array {
  try {
    return codec.encode(result);
  } catch (error) {
    throw new Error(`its result can’t be encoded: ${(error as Error).message}`, { cause: error });
  }
}
