// npm run check: what a developer wants to know before a commit, in about a minute.
import { ensureInstalled, runBin, runStep } from './tools.mjs';

ensureInstalled();
runStep('format', () => runBin('oxfmt', ['--check', '.']));
runStep('lint', () => runBin('oxlint', []));
runStep('types', () => {
  runBin('tsc', ['-p', 'tsconfig.json']);
  runBin('tsc', ['-p', 'packages/holdfast/tsconfig.pure.json']);
});
runStep('unused code', () => runBin('knip', []));
runStep('unit tests, tidy, bundle size', () => runBin('vitest', ['run', '--project', 'unit']));
runStep('simulation', () => runBin('tsx', ['--conditions=source', 'simulation/main.ts', '--seeds', '100']));
