import { defineConfig } from 'vitest/config'

export default defineConfig({
  resolve: { conditions: ['assay-source'] },
  ssr: { resolve: { conditions: ['assay-source'] } },
  test: {
    include: ['{packages,services}/*/test/**/*.int.ts', 'tests/**/*.int.ts'],
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // Servers take most of the time; what is short of it says so with deadlines of its own.
    maxWorkers: 3,
  },
})
