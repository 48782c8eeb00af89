import { readdirSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import type { VitestPluginContext } from 'vitest/node'
import { warmPool } from './warm-pool.js'

/**
 * The packages' names, each led to the sources beside this file. In the copy of the repository that mutants are tested in,
 * `node_modules` is a link to the original, by whose links the tests would read sources without mutants.
 */
const alias = readdirSync('packages').map((name) => ({
  find: new RegExp(`^@assay/${name}$`),
  replacement: `${process.cwd()}/packages/${name}/src/index.ts`,
}))

/** Enough to find a mutant that a property can find, in a fraction of the time; the unit tests run all. */
const EXAMPLES_MAX = 200

const fewExamples = {
  name: 'few-examples',
  transform: (code: string, id: string) =>
    id.endsWith('.test.ts')
      ? code.replace(
          /\bnumRuns: ([\d_]+)/g,
          (_, runs: string) => `numRuns: ${Math.min(Number(runs.replace(/_/g, '')), EXAMPLES_MAX)}`,
        )
      : undefined,
}

/** The test runner asks for threads, which a configuration cannot change. */
const warmThread = {
  name: 'warm-thread',
  configureVitest({ project }: VitestPluginContext) {
    Object.assign(project.config, { pool: warmPool.name, poolRunner: warmPool })
  },
}

export default defineConfig({
  plugins: [fewExamples, warmThread],
  resolve: { alias, conditions: ['assay-source'] },
  ssr: { resolve: { conditions: ['assay-source'] } },
  test: {
    include: ['{packages,services}/*/test/**/*.test.ts', 'tests/**/*.test.ts'],
    setupFiles: ['scripts/mutation/activate.ts'],
    testTimeout: 60_000,
    isolate: true,
  },
})
