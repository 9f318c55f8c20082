// npm test: everything that CI checks. On a fresh machine it first installs what it needs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, root, runBin, runStep } from './tools.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

const totals = { passed: 0, failed: 0, skipped: 0 };

/** Runs one of vitest's projects, and adds up what it says. */
function runTests(project) {
  const results = join(root, 'node_modules', '.holdfast', `${project}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`];
  runBin('vitest', ['run', '--project', project, ...reporters]);
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(results, 'utf8'));
  totals.passed += numPassedTests;
  totals.failed += numFailedTests;
  totals.skipped += numPendingTests;
}

ensureInstalled();
ensureSystemPackages();
runStep('build', () => ensureBuilt({ force: true }));
runStep('format', () => runBin('oxfmt', ['--check', '.']));
runStep('lint', () => runBin('oxlint', []));
runStep('types', () => {
  runBin('tsc', ['-p', 'tsconfig.json']);
  runBin('tsc', ['-p', 'packages/holdfast/tsconfig.pure.json']);
});
runStep('unused code', () => runBin('knip', []));
runStep('package', () => runBin('publint', ['--strict', 'packages/holdfast']));
runStep('simulation', () => runBin('tsx', ['--conditions=source', 'simulation/main.ts', '--seeds', '1000']));
runStep('unit tests', () => runTests('unit'));
// Alone on the machine, because real proxies keep real time.
runStep('end-to-end tests', () => runTests('e2e'));

console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
