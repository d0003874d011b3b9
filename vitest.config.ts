import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    dangerouslyIgnoreUnhandledErrors: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Real engines on a machine that others use too answer late now and then; a test that fails for a
    // reason of its own fails again.
    retry: process.env.CI ? 2 : 0,
    pool: 'forks',
    maxWorkers: 2,
  },
})
