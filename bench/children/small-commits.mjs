// Commits of a few rows of one layer, as many as wait upstream: what each costs, once code is compiled.
import { DEFAULT_COMMIT_INTERVAL_MS, runWorkers } from '@assay/lake'
import { LAYERS } from '@assay/medallion'
import { childOptions, leaveParent, tellParent } from '../lib/child.mjs'
import { openBenchLake } from '../lib/lakes.mjs'
import { beginUsage } from '../lib/measure.mjs'

const LIMITS = { maxBytes: 8 * 2 ** 20, maxPartitions: 64 }
const { directory, layer, rows, warmUpCommits, threads } = childOptions()
const lake = await openBenchLake(directory, { threads })
let commits = 0
let endUsage = beginUsage()
await runWorkers(
  lake,
  {
    layers: LAYERS.filter(({ name }) => name === layer),
    drain: true,
    adopt: false,
    interval_ms: DEFAULT_COMMIT_INTERVAL_MS,
    limits: { ...LIMITS, maxRows: rows },
    onEvent({ kind }) {
      if (kind !== 'committed') return
      commits += 1
      if (commits === warmUpCommits) endUsage = beginUsage()
    },
  },
  new AbortController().signal,
)
const usage = endUsage()
await lake.close()
await tellParent({ ...usage, commits: commits - warmUpCommits })
leaveParent()
