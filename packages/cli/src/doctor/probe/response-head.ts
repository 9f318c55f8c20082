/** A head that has not ended by then is not one; servers themselves accept 8 to 64 KiB. */
const HEAD_BYTES_MAX = 64 * 1024;
const HEADERS_MAX = 200;

export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  /** Lower-case names, each with its values in order. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
}

export type HeadParse =
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'head'; readonly head: ResponseHead; readonly rest: Buffer }
  | { readonly kind: 'not-http'; readonly sample: string }
  | { readonly kind: 'endless' };

const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/;

/** Reads an HTTP/1 response head (RFC 9112, section 4) out of bytes that nobody vouches for. */
export function parseResponseHead(bytes: Buffer): HeadParse {
  const start = bytes.subarray(0, 5).toString('latin1');
  if (!'HTTP/'.startsWith(start)) return { kind: 'not-http', sample: sampleOf(bytes) };
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return bytes.length > HEAD_BYTES_MAX ? { kind: 'endless' } : { kind: 'incomplete' };
  if (end > HEAD_BYTES_MAX) return { kind: 'endless' };
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const match = STATUS_LINE.exec(statusLine);
  if (!match || lines.length > HEADERS_MAX) return { kind: 'not-http', sample: sampleOf(bytes) };
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon < 1) continue;
    const name = line.slice(0, colon).trim().toLowerCase();
    const value = withoutControls(line.slice(colon + 1).trim());
    const values = headers.get(name);
    if (values) values.push(value);
    else headers.set(name, [value]);
  }
  return {
    kind: 'head',
    head: { status: Number(match[1]), reason: match[2] ?? '', headers },
    rest: bytes.subarray(end + 4),
  };
}

/** A server that wanted TLS answers plain HTTP with an alert record (RFC 8446, section 5.1). */
export const TLS_ALERT = 'a TLS alert';

function sampleOf(bytes: Buffer): string {
  return bytes[0] === 0x15 && bytes[1] === 0x03 ? TLS_ALERT : printable(bytes);
}

/** Text from the network that a terminal can bear: control characters could move its cursor. */
export function withoutControls(text: string): string {
  return text.replace(/[^\t\r\n\x20-\x7e\u00a0-\uffff]/g, '·');
}

/** A few bytes that can be shown in a terminal, whatever they were. */
export function printable(bytes: Buffer | string, charactersMax = 60): string {
  const text = typeof bytes === 'string' ? bytes : bytes.subarray(0, charactersMax * 2).toString('latin1');
  return text.slice(0, charactersMax).replace(/[^\x20-\x7e]/g, '·');
}
