import {
  fixFor,
  heartbeatForIdleTimeoutMs,
  idleTimeoutForHeartbeatMs,
  intermediaryById,
  renderSnippet,
} from '../../facts/intermediaries.ts';
import { HOUR_MS } from '../../facts/intermediary.ts';
import { adviceFor } from './advice.ts';
import type { Finding } from './finding.ts';

export interface Fix {
  /** The id of the product whose setting it is; null for advice that fits any. */
  readonly product: string | null;
  readonly setting: string;
  readonly file: string;
  /** Lines to paste, or a command to run. */
  readonly snippet: string;
  readonly why: string;
}

/** A heartbeat that most networks bear and few limits undercut. */
export const HEARTBEAT_MS_USUAL = 25_000;

/** The setting that cures a finding, in the words of the product where it has one. */
export function fixOf(finding: Finding, product: string | null): Fix | null {
  const advice = adviceFor[finding.id];
  if (!advice) return null;
  const topic = finding.topic ?? advice.topic;
  const intermediary = product === null || finding.hop === 'server' ? undefined : intermediaryById(product);
  const setting = intermediary && topic ? fixFor(intermediary, topic) : undefined;
  if (intermediary && setting) {
    const snippet = renderSnippet(setting, idleTimeoutAfter(finding.limitMs));
    return {
      product: intermediary.id,
      setting: setting.setting,
      file: setting.file,
      snippet,
      why: setting.why,
    };
  }
  const { file, why } = advice;
  const heartbeatMs = survivingHeartbeatMs(finding.limitMs ?? null) ?? HEARTBEAT_MS_USUAL;
  const snippet = advice.snippet.replaceAll('{heartbeatMs}', String(heartbeatMs));
  return { product: null, setting: advice.setting, file, snippet, why };
}

/** What the limit should become: enough for the usual heartbeat, and never less than it was. */
export function idleTimeoutAfter(limitMs: number | undefined): number {
  const enoughMs = idleTimeoutForHeartbeatMs(HEARTBEAT_MS_USUAL);
  return limitMs !== undefined && limitMs >= enoughMs ? HOUR_MS : enoughMs;
}

/** A heartbeat that survives the limit as it is; null when no limit is known. */
export function survivingHeartbeatMs(limitMs: number | null): number | null {
  return limitMs === null ? null : heartbeatForIdleTimeoutMs(limitMs);
}
