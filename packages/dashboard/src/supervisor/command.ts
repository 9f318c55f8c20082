import { lastingFaults, strikes, type Command } from '../events.ts';

/** What a request to the control endpoint has to pass before anything happens. */
export interface ControlRequest {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly contentType: string | undefined;
}

export interface Refusal {
  readonly status: number;
  readonly text: string;
}

/**
 * Keeps other sites out: a name of theirs that leads to this machine shows in Host (DNS rebinding), a page of
 * theirs in Origin. JSON can't be posted across origins without a preflight, which nobody answers here.
 */
export function refusalOfControl(request: ControlRequest, port: number): Refusal | undefined {
  const wrongHost = refusalOfHost(request.host, port);
  if (wrongHost) return wrongHost;
  if (request.origin !== undefined && !ownOrigins(port).includes(request.origin)) {
    return { status: 403, text: 'Only the page of this very server may break things here.' };
  }
  if (request.contentType?.split(';', 1)[0]?.trim() !== 'application/json') {
    return { status: 415, text: 'Send JSON, with content-type: application/json.' };
  }
  return undefined;
}

export function refusalOfHost(host: string | undefined, port: number): Refusal | undefined {
  if (ownOrigins(port).includes(`http://${host}`)) return undefined;
  return { status: 403, text: `This server answers to http://localhost:${port} only.` };
}

export function ownOrigins(port: number): string[] {
  // Browsers leave out the port that is HTTP's own.
  const suffix = port === 80 ? '' : `:${port}`;
  return [`http://localhost${suffix}`, `http://127.0.0.1${suffix}`];
}

/** Reads the body of a control request; a text says what was wrong with it. */
export function parseCommand(body: string): Command | string {
  let given: unknown;
  try {
    given = JSON.parse(body);
  } catch {
    return 'The body is not JSON. Send for example {"action":"cut"}.';
  }
  if (typeof given !== 'object' || given === null) return 'Send an object such as {"action":"cut"}.';
  const { action, on } = given as { action?: unknown; on?: unknown };
  const strike = strikes.find((name) => name === action);
  if (strike) return { action: strike };
  const fault = lastingFaults.find((name) => name === action);
  if (!fault) return `"action" must be one of: ${[...strikes, ...lastingFaults].join(', ')}.`;
  if (typeof on !== 'boolean')
    return `"${fault}" lasts, so say whether it begins or ends: "on": true or false.`;
  return { action: fault, on };
}
