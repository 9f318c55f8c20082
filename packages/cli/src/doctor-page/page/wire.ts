/**
 * As much of Holdfast's wire as a test from a page needs: hello, welcome, ping and pong (SPEC WIRE-2, WIRE-3). A page
 * that is one file can't import the codec; a test compares the two.
 */

const HELLO = 1;
const PING = 8;
const PONG = 9;
const WELCOME = 16;

export type ServerWord =
  | { readonly type: 'welcome'; readonly resumeToken: string; readonly resumed: boolean }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'pong' }
  | { readonly type: 'other' };

function uint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return [...bytes, rest];
}

function encodedText(text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  return [...uint(bytes.length), ...bytes];
}

export function helloBytes(connection: number, resumeToken: string, token: string): Uint8Array<ArrayBuffer> {
  const nothingSentYet = [...encodedText(''), ...uint(0), ...uint(0)];
  const tokens = [...encodedText(resumeToken), ...encodedText(token)];
  return Uint8Array.from([HELLO, ...uint(connection), ...tokens, ...nothingSentYet]);
}

export function pingBytes(id: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([PING, ...uint(id), ...uint(0)]);
}

export function pongBytes(id: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([PONG, ...uint(id), ...uint(0)]);
}

/** The first record of a message; what follows it does not matter here. Never throws, whatever the bytes. */
export function firstWord(message: ArrayBuffer): ServerWord {
  const bytes = new Uint8Array(message);
  let at = 0;
  const readUint = (): number => {
    let value = 0;
    for (let scale = 1; at < bytes.length && scale < 2 ** 53; scale *= 128) {
      const byte = bytes[at]!;
      at += 1;
      value += (byte % 128) * scale;
      if (byte < 128) break;
    }
    return value;
  };
  const readText = (): string => {
    const length = readUint();
    at += length;
    return new TextDecoder().decode(bytes.subarray(at - length, at));
  };
  switch (readUint()) {
    case WELCOME: {
      readText();
      const resumeToken = readText();
      return { type: 'welcome', resumeToken, resumed: readUint() === 1 };
    }
    case PING:
      return { type: 'ping', id: readUint() };
    case PONG:
      return { type: 'pong' };
    default:
      return { type: 'other' };
  }
}
