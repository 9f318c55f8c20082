/**
 * The version of the wire, which is also the WebSocket subprotocol (RFC 6455 §1.9).
 *
 * History
 * - `holdfast.v1`: the first.
 *
 * A change of `schema.ts` that an older peer could misread needs a new version here; a test compares
 * the hash of the schema with the one recorded beside this version, so none slips past.
 */
export const PROTOCOL_VERSION = 'holdfast.v1';
