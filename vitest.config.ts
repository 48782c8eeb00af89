import { defineConfig } from 'vitest/config'

// A zone whose clocks change, by half an hour: nothing may go by the hours and days of where it runs. A caller may name another.
process.env.TZ ||= 'Australia/Lord_Howe'

export default defineConfig({
  resolve: { conditions: ['assay-source'] },
  ssr: { resolve: { conditions: ['assay-source'] } },
  test: {
    include: ['{packages,services}/*/test/**/*.test.ts', 'tests/**/*.test.ts'],
    globalSetup: './tests/support/fresh-build.ts',
    testTimeout: 60_000,
    maxWorkers: 2,
    isolate: false,
  },
})
