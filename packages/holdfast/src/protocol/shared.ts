/**
 * Several sessions over one WebSocket, as the tabs of a browser share it (SPEC TAB-1). Each message of such a
 * connection stands behind a header of five bytes: the number of its channel (uint32, little-endian) and what it
 * is. A channel is what a WebSocket of its own would be: its messages are those of the protocol, and its end has
 * a code and a reason.
 */

// Pure functions of every host (WHATWG Encoding); declared here because this folder compiles without a host.
declare class TextEncoder {
  encode(text: string): Uint8Array;
}
declare class TextDecoder {
  decode(bytes: Uint8Array): string;
}

/** Offered beside the version by a client that will share its connection. */
export const SHARED_PROTOCOL = 'holdfast.v1.shared';

/** What a header adds to a message. */
export const SHARED_HEADER_BYTES = 5;

/** Channels of one connection: more tabs than a person has of one application. */
export const CHANNELS_MAX = 64;

export type SharedMessage =
  | { readonly type: 'bytes'; readonly channel: number; readonly bytes: Uint8Array }
  | { readonly type: 'end'; readonly channel: number; readonly code: number; readonly reason: string };

const BYTES = 0;
const END = 1;

/** `channel` is a uint32 above 0. */
export function encodeShared(channel: number, bytes: Uint8Array): Uint8Array {
  return behindHeader(channel, BYTES, bytes);
}

export function encodeEnd(channel: number, code: number, reason: string): Uint8Array {
  const text = new TextEncoder().encode(reason);
  const body = new Uint8Array(2 + text.length);
  new DataView(body.buffer).setUint16(0, code, true);
  body.set(text, 2);
  return behindHeader(channel, END, body);
}

function behindHeader(channel: number, kind: number, body: Uint8Array): Uint8Array {
  const message = new Uint8Array(SHARED_HEADER_BYTES + body.length);
  new DataView(message.buffer).setUint32(0, channel, true);
  message[4] = kind;
  message.set(body, SHARED_HEADER_BYTES);
  return message;
}

/** Undefined for what is no such message. The bytes are a view of those given. */
export function decodeShared(message: Uint8Array): SharedMessage | undefined {
  if (message.length < SHARED_HEADER_BYTES) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const channel = view.getUint32(0, true);
  const bytes = message.subarray(SHARED_HEADER_BYTES);
  if (channel === 0) return undefined;
  if (message[4] === BYTES) return { type: 'bytes', channel, bytes };
  if (message[4] !== END || bytes.length < 2) return undefined;
  const code = view.getUint16(SHARED_HEADER_BYTES, true);
  return { type: 'end', channel, code, reason: new TextDecoder().decode(bytes.subarray(2)) };
}
