// npm test: everything that CI checks. On a fresh machine it first installs what it needs.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, root, runBin, runStep } from './tools.mjs';
import { ensureSystemPackages } from './system-packages.mjs';

const results = join(root, 'node_modules', '.holdfast', 'vitest.json');

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
runStep('unit and end-to-end tests', () =>
  runBin('vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${results}`]),
);

const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(results, 'utf8'));
console.log(`${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`);
