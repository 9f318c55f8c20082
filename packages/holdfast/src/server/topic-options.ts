import type { Retention } from './message-log.ts';

/**
 * What a topic keeps, and what becomes of a subscriber that falls behind:
 * - `replay` (default): it reads everything it missed from the log;
 * - `latest`: it skips to the newest message, with a gap `conflated`;
 * - `drop`: it goes on with what comes next, with a gap `conflated`.
 */
export interface TopicOptions {
  policy?: TopicPolicy['policy'];
  /** Default `{ countMax: 10_000, bytesMax: 16_777_216, ageMaxMs: 3_600_000 }`; `Infinity` lifts a bound. */
  retention?: Partial<Retention>;
  /**
   * Whether it is known who is on the topic: `server.presence(topic)`, and for clients that may read it the topic
   * `$presence:<topic>` and the request `$presence`. Default: false.
   */
  presence?: boolean;
}

export const topicPolicyNames = ['replay', 'latest', 'drop'] as const;

export interface TopicPolicy {
  policy: (typeof topicPolicyNames)[number];
  retention: Retention;
  presence: boolean;
}

const defaultRetention: Retention = { countMax: 10_000, bytesMax: 16 * 1_048_576, ageMaxMs: 3_600_000 };

/** Finds a topic's policy: the exact name, or the longest pattern `prefix*` that covers it. */
export function topicPolicies(
  options: Readonly<Record<string, TopicOptions>>,
): (topic: string) => TopicPolicy {
  const policies = new Map<string, TopicPolicy>();
  const patterns: [prefix: string, policy: TopicPolicy][] = [];
  for (const [name, { policy = 'replay', retention, presence = false }] of Object.entries(options)) {
    const resolved: TopicPolicy = { policy, retention: { ...defaultRetention, ...retention }, presence };
    if (name.endsWith('*')) patterns.push([name.slice(0, -1), resolved]);
    else policies.set(name, resolved);
  }
  patterns.sort(([a], [b]) => b.length - a.length);
  const fallback: TopicPolicy = { policy: 'replay', retention: defaultRetention, presence: false };
  return (topic) =>
    policies.get(topic) ?? patterns.find(([prefix]) => topic.startsWith(prefix))?.[1] ?? fallback;
}
