import type { Limits } from '../../protocol/limits.ts';
import type { Clock } from '../../session/clock.ts';
import type { Logger } from '../options.ts';
import { boundsOf, capacityLine } from './capacity.ts';
import type { Machine } from './machine.ts';
import {
  levels,
  nextLevel,
  resourceNames,
  sharesOf,
  type Level,
  type Resource,
  type Watermarks,
} from './pressure.ts';

export interface GuardParts {
  /** Without one there is nothing to watch, and everything is in plenty. */
  machine: Machine | undefined;
  marks: Watermarks;
  limits: Limits;
  clock: Clock;
  logger: Logger;
  connections: () => number;
  /** What gives way of the work of those who are connected: told after each reading. */
  apply: (level: Level) => void;
}

const READING_INTERVAL_MS = 1_000;

/**
 * Watches the process's memory, heap, open files and event loop, and says what gives way when one runs short:
 * signals, then publishers' pace, then newcomers; never who is connected (SPEC ADM-5).
 */
export class Guard {
  /** How many may be told at a time when to come back; beyond, upgrades are refused with a bare 503. */
  turnedAwayMax: number;
  private readonly perResource: Record<Resource, Level> = {
    memory: 'nothing',
    heap: 'nothing',
    files: 'nothing',
    eventLoopDelayMs: 'nothing',
  };
  /** Connections that fit until the next reading, by what is known of each one's needs. */
  private fitting = Infinity;
  private cancel = (): void => {};
  private readonly parts: GuardParts;

  constructor(parts: GuardParts) {
    this.parts = parts;
    this.turnedAwayMax = parts.limits.turnedAwayMax;
  }

  get level(): Level {
    return highest(Object.values(this.perResource));
  }

  start(): void {
    if (!this.parts.machine) return;
    this.read();
    this.cancel = this.parts.clock.setTimer(() => this.start(), READING_INTERVAL_MS);
  }

  stop(): void {
    this.cancel();
    this.parts.machine?.close();
  }

  /** One line for the operator: how many connections fit, and what binds first. */
  capacityLine(): string | undefined {
    const { machine, marks, limits, connections } = this.parts;
    return machine && capacityLine(boundsOf(machine.read(), marks, limits, connections()));
  }

  /** What there is too little of for one more connection, for that client to read. */
  shortage(connections: number): string | undefined {
    const short = (Object.keys(resourceNames) as Resource[]).find(
      (name) => this.perResource[name] === 'newcomers',
    );
    if (short) return `This server runs short of ${resourceNames[short]}.`;
    return connections < this.fitting ? undefined : 'This server has no room for more connections.';
  }

  private read(): void {
    const { machine, marks, limits, connections, apply } = this.parts;
    const reading = machine!.read();
    const shares = sharesOf(reading, marks);
    for (const resource of Object.keys(resourceNames) as Resource[]) {
      const before = this.perResource[resource];
      const level = nextLevel(before, shares[resource], resource);
      this.perResource[resource] = level;
      if (level !== before) this.report(resource, shares[resource] * marks[resource], level);
    }
    this.fitting = boundsOf(reading, marks, limits, connections())[0]!.connections;
    const spare = reading.files ? Math.max(0, (reading.files.limit - reading.files.used) / 2) : Infinity;
    this.turnedAwayMax = Math.min(limits.turnedAwayMax, spare);
    const { memory, heap, eventLoopDelayMs } = this.perResource;
    apply(highest([memory, heap, eventLoopDelayMs]));
  }

  private report(resource: Resource, value: number, level: Level): void {
    const { logger } = this.parts;
    const amount =
      resource === 'eventLoopDelayMs'
        ? `${Math.round(value)} ms`
        : `${Math.round(value * 100)} % of the limit`;
    const text = `Holdfast: ${resourceNames[resource]} at ${amount}: ${consequences[level]}.`;
    if (level === 'nothing') logger.info(text);
    else logger.warn(text);
  }
}

function highest(given: readonly Level[]): Level {
  return levels[Math.max(...given.map((level) => levels.indexOf(level)))]!;
}

const consequences: Readonly<Record<Level, string>> = {
  nothing: 'all is well again',
  signals: 'signals are dropped',
  publishers: 'signals are dropped and publishers slowed down',
  newcomers: 'new connections are told to come back later; those that are open are kept',
};
