import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['assay-source'] },
  ssr: { resolve: { conditions: ['assay-source'] } },
  test: {
    include: ['{packages,services}/*/test/**/*.test.ts', 'tests/**/*.test.ts'],
    testTimeout: 60_000,
    maxWorkers: 2,
    isolate: false,
  },
})
