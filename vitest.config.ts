import { defineConfig } from 'vitest/config';

const source = { conditions: ['source'] };

/** Two projects: `unit` needs nothing but Node; `e2e` needs the real peers and runs one file at a time. */
export default defineConfig({
  ssr: { resolve: source },
  test: {
    projects: [
      {
        resolve: source,
        ssr: { resolve: source },
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts', 'simulation/**/*.test.ts', 'tests/**/*.test.ts'],
        },
      },
      {
        resolve: source,
        ssr: { resolve: source },
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
