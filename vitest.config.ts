import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['services/**/*.test.ts', 'clients/**/*.test.ts', 'tests/**/*.test.ts', 'deploy/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Most tests wait for processes of their own: a core kept free for the runner would be a core wasted.
    maxWorkers: '100%',
    // How long a condition is waited for: on a machine that does much else a second is soon over.
    expect: { poll: { timeout: 15_000 } },
    globalSetup: ['tests/support/global-setup.ts'],
  },
});
