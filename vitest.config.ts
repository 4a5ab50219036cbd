import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          pool: 'threads',
          isolate: false,
          // A busy machine is slow; a test that hangs is still found.
          testTimeout: 60_000,
          setupFiles: ['test/support/random-seed.ts'],
          include: ['{lib,events,mesh,adapters,services,agent,run,cli,bin,bench}/**/*.test.ts'],
        },
      },
      {
        test: {
          name: 'e2e',
          pool: 'forks',
          include: ['test/**/*.test.ts'],
          fileParallelism: false,
          setupFiles: ['test/support/random-seed.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          // Real servers on a shared machine: a second try tells a disturbed run from a defect; vitest's report marks it.
          retry: 1,
        },
      },
    ],
  },
});
