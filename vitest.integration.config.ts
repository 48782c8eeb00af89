import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/**
 * Files that take minutes, longest first: begun first, so that none is left to run alone at the end. Those that compute and
 * those that wait for servers take turns.
 */
const LONG = [
  'integration/simulation',
  'integration/real-chaos',
  'integration/readers',
  'integration/foreign-rest',
  'integration/plants',
  'integration/foreign-spark',
  'query/test/hostile',
  'integration/real-compose',
  'integration/metadata-damage',
  'integration/real-services',
  'integration/readme',
  'integration/readers-page',
  'integration/producers',
  'integration/kill-jobs',
  'integration/real-retention',
  'engine/test/disk-failures',
  'integration/verify',
  'integration/kills',
  'integration/real-parts',
  'integration/verify-metadata',
]

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) => placeOf(a) - placeOf(b))
  }
}

function placeOf({ moduleId }: TestSpecification): number {
  const place = LONG.findIndex((name) => moduleId.endsWith(`/${name}.int.ts`))
  return place < 0 ? LONG.length : place
}

export default defineConfig({
  resolve: { conditions: ['assay-source'] },
  ssr: { resolve: { conditions: ['assay-source'] } },
  test: {
    include: ['{packages,services}/*/test/**/*.int.ts', 'tests/**/*.int.ts'],
    globalSetup: './tests/support/fresh-build.ts',
    testTimeout: 600_000,
    hookTimeout: 600_000,
    // Servers take most of the time; what is short of it says so with deadlines of its own.
    maxWorkers: 3,
    sequence: { sequencer: LongFirst },
  },
})
