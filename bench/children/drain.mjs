// Takes all that waits in the log through the given layers, and tells what that took.
import { DEFAULT_COMMIT_INTERVAL_MS, runWorkers } from '@assay/lake'
import { LAYERS } from '@assay/medallion'
import { childOptions, leaveParent, tellParent } from '../lib/child.mjs'
import { openBenchLake, tableNamed } from '../lib/lakes.mjs'
import { peakMemory_bytes } from '../lib/measure.mjs'

const { directory, broker, layers, threads } = childOptions()
const lake = await openBenchLake(directory, { broker, threads })
const workers = {}
const idleMemory_bytes = peakMemory_bytes()
const cpuBefore = process.cpuUsage()
const before_ms = performance.now()
await runWorkers(
  lake,
  {
    layers: LAYERS.filter(({ name }) => layers.includes(name)),
    drain: true,
    adopt: false,
    interval_ms: DEFAULT_COMMIT_INTERVAL_MS,
    onEvent(event) {
      if (event.kind === 'lane_stopped') throw new Error(`lane ${event.lane} stopped: ${event.reason}`)
      if (event.kind === 'outage') throw new Error('there was an outage', { cause: event.error })
      if (event.kind !== 'committed') return
      workers[event.worker] ??= { records: 0, commits: 0, busy_ms: 0 }
      const worker = workers[event.worker]
      worker.records += event.counts.records
      worker.commits += 1
      worker.busy_ms += event.duration_ms
    },
  },
  new AbortController().signal,
)
const wall_ms = performance.now() - before_ms
const cpu = process.cpuUsage(cpuBefore)
const gold = await (await tableNamed(lake, 'gold_crypto_trades')).pin()
await lake.close()
await tellParent({
  wall_ms,
  cpuUser_us: cpu.user,
  cpuSystem_us: cpu.system,
  peakMemory_bytes: peakMemory_bytes(),
  idleMemory_bytes,
  workers,
  goldRows: Number(gold.version.metadata.snapshots.at(-1)?.summary['total-records'] ?? 0),
})
leaveParent()
