/** The wire for whoever writes a client in another language, or a tool: `holdfast/protocol`. */
export { PROTOCOL_VERSION } from './version.ts';
export { closeCodes, closeNameOf, type CloseName } from './close-codes.ts';
export { errorCodes, HoldfastError, type ErrorCode } from './error-codes.ts';
export { defaultLimits, type Limits } from './limits.ts';
export { decode, encode, type DecodeFailure } from './codec.ts';
export { jsonCodec, type PayloadCodec } from './payload.ts';
export type { Position } from './position.ts';
export { schema, type Entry, type GapReason, type RecordType, type Top, type WireRecord } from './schema.ts';
