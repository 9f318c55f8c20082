/**
 * What a chaos proxy can do to the connections that pass through it, as plain data.
 *
 * Every fault is absent by default, and faults combine. `up` is the way from the client to the target, `down`
 * the way back.
 */
export interface ChaosFaults {
  /** Milliseconds added to every byte's way in each direction, so that a round trip takes twice as long. */
  readonly latencyMs?: number | undefined;
  /** Random milliseconds between 0 and this, added to the latency of each chunk. Bytes never overtake bytes. */
  readonly jitterMs?: number | undefined;
  /** Most bytes per second that each direction of each connection carries. */
  readonly bandwidthBytesPerSecond?: number | undefined;
  /**
   * Nothing arrives in this direction: no byte, no FIN, no RST; the sockets stay open and no side learns of it.
   * What is sent meanwhile is held under back-pressure and flows on when the hole closes, as after packet loss.
   */
  readonly blackHole?: 'up' | 'down' | 'both' | undefined;
  /** New connections are refused (ECONNREFUSED). Those that are open stay open. */
  readonly refuse?: boolean | undefined;
  /** Cut (FIN) a connection after this many milliseconds in which neither side sent a byte. */
  readonly idleCutMs?: number | undefined;
  /** Cut (FIN) a connection this many milliseconds after it was accepted, however busy it is. */
  readonly lifetimeCutMs?: number | undefined;
  /** Every byte is a write of its own, each in another turn of the event loop. */
  readonly splitEveryByte?: boolean | undefined;
}

/** What a value of one fault may be, and what it does: enough to write a help text or a form from. */
export type FaultDescription =
  | {
      readonly kind: 'number';
      readonly unit: string;
      readonly min: number;
      readonly max: number;
      readonly does: string;
    }
  | { readonly kind: 'choice'; readonly choices: readonly string[]; readonly does: string }
  | { readonly kind: 'flag'; readonly does: string };

/** A day: longer than any test, and within what a Node timer can hold (2³¹ − 1 ms). */
const durationMsMax = 24 * 60 * 60 * 1000;

const duration = (min: number, does: string): FaultDescription => ({
  kind: 'number',
  unit: 'milliseconds',
  min,
  max: durationMsMax,
  does,
});

/** One entry for each fault of {@link ChaosFaults}; {@link parseFaults} checks values against it. */
export const faultDescriptions: Readonly<Record<keyof ChaosFaults, FaultDescription>> = {
  latencyMs: duration(0, 'delays every byte, in each direction'),
  jitterMs: duration(0, 'adds a random delay between 0 and this to the latency; order is kept'),
  bandwidthBytesPerSecond: {
    kind: 'number',
    unit: 'bytes per second',
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    does: 'limits each direction of each connection',
  },
  blackHole: { kind: 'choice', choices: ['up', 'down', 'both'], does: 'lets nothing arrive and nobody know' },
  refuse: { kind: 'flag', does: 'refuses new connections' },
  idleCutMs: duration(1, 'cuts a connection that carried no byte for so long'),
  lifetimeCutMs: duration(1, 'cuts a connection of this age'),
  splitEveryByte: { kind: 'flag', does: 'delivers every byte by itself' },
};

/**
 * Checks faults that came from outside (a file, a command line, a form). `null` and `undefined` both mean
 * "without this fault", because JSON can't say `undefined`.
 *
 * @throws TypeError that names the fault, what it got and what it takes.
 */
export function parseFaults(value: unknown): ChaosFaults {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`Faults must be an object such as { latencyMs: 200 }, not ${show(value)}.`);
  }
  const faults: Record<string, unknown> = {};
  for (const [name, given] of Object.entries(value)) {
    if (!Object.hasOwn(faultDescriptions, name)) {
      const known = Object.keys(faultDescriptions).join(', ');
      throw new TypeError(`There is no fault named ${show(name)}. Faults are: ${known}.`);
    }
    const description = faultDescriptions[name as keyof ChaosFaults];
    if (given !== null && given !== undefined && !accepts(description, given)) {
      throw new TypeError(`${name} must be ${expected(description)}, not ${show(given)}.`);
    }
    faults[name] = given ?? undefined;
  }
  return faults;
}

function accepts(description: FaultDescription, value: unknown): boolean {
  switch (description.kind) {
    case 'number':
      // A comparison with NaN is false, so that NaN fails here too.
      return typeof value === 'number' && value >= description.min && value <= description.max;
    case 'choice':
      return typeof value === 'string' && description.choices.includes(value);
    case 'flag':
      return typeof value === 'boolean';
  }
}

function expected(description: FaultDescription): string {
  switch (description.kind) {
    case 'number':
      return `a number of ${description.unit} from ${description.min} to ${description.max}`;
    case 'choice':
      return `one of ${description.choices.join(', ')}`;
    case 'flag':
      return 'true or false';
  }
}

/** The value as a reader would write it, cut to a length that fits in an error. */
export function show(value: unknown): string {
  const text = typeof value === 'number' || value === undefined ? String(value) : JSON.stringify(value);
  return (text ?? typeof value).slice(0, 60);
}
