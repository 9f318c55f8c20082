/**
 * The suites that every log and every engine passes, for whoever makes one: a log is what stands behind
 * `createServer({ log })`. They want nothing but `describe` and `it`, so any test runner will do.
 *
 * ```ts
 * import { describe, it } from 'vitest';
 * import { describeLog, describeSharedLog } from 'holdfast/testing/contracts';
 *
 * const runner = { describe, it: (title, body) => it(title, body, 30_000) };
 * describeLog('mine', () => myLog(freshFolder()), runner);
 * describeSharedLog('mine', () => {
 *   const folder = freshFolder();
 *   return { log: () => myLog(folder), destroy: () => rm(folder, { recursive: true }) };
 * }, runner);
 * ```
 */
export { describeEngine } from './contracts/engine-contract.ts';
export { describeLog } from './contracts/log-contract.ts';
export { describeSharedLog, type SharedStore } from './contracts/shared-log-contract.ts';
export { LogSubject, type SubjectSettings } from './contracts/log-subject.ts';
export type { Runner } from './contracts/runner.ts';
