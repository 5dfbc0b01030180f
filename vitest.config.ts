import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/global-setup.mjs'],
    // A native crash or a leaked tensor stays in the file that caused it.
    pool: 'forks',
    isolate: true,
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    env: { TF_CPP_MIN_LOG_LEVEL: '2', NO_COLOR: '1' },
  },
});
