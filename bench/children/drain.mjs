// Takes all that waits in the log through the given layers, and tells what that took. With `warm` another lake is drained
// before, so that what is measured is the steady state: code is compiled and the engine has been opened once.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { DEFAULT_COMMIT_INTERVAL_MS, runWorkers } from '@assay/lake'
import { LAYERS } from '@assay/medallion'
import { childOptions, leaveParent, tellParent } from '../lib/child.mjs'
import { openBenchLake, tableNamed } from '../lib/lakes.mjs'
import { beginUsage, forgetPeakMemory, peakMemory_bytes } from '../lib/measure.mjs'
import { beginProfile } from '../lib/profile.mjs'
import { threadsBetween, threadTimes } from '../lib/threads.mjs'

const DELAY_RESOLUTION_MS = 2
const { directory, warm, broker, layers, threads, limits, profile } = childOptions()

/** Drains a lake; gives records and commits of each worker. */
async function drain(lake) {
  const workers = {}
  await runWorkers(
    lake,
    {
      layers: LAYERS.filter(({ name }) => layers.includes(name)),
      drain: true,
      adopt: false,
      interval_ms: DEFAULT_COMMIT_INTERVAL_MS,
      ...(limits && { limits }),
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
  return workers
}

async function drainWarm() {
  const endUsage = beginUsage()
  const lake = await openBenchLake(warm, { broker, threads })
  await drain(lake)
  await lake.close()
  globalThis.gc?.()
  return endUsage()
}

const warmUp = warm === undefined ? undefined : await drainWarm()
const lake = await openBenchLake(directory, { broker, threads })
forgetPeakMemory()
const idleMemory_bytes = peakMemory_bytes()
const delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
delays.enable()
const endProfile = profile ? await beginProfile() : undefined
const threadsBefore = threadTimes()
const endUsage = beginUsage()
const workers = await drain(lake)
const usage = endUsage()
const threadTimes_us = threadsBetween(threadsBefore, threadTimes())
delays.disable()
const phases = await endProfile?.()
const gold = await (await tableNamed(lake, 'gold_crypto_trades')).pin()
await lake.close()
await tellParent({
  ...usage,
  ...(warmUp && { warmUpCpu_us: warmUp.cpuUser_us + warmUp.cpuSystem_us }),
  ...(phases && { phases, threadTimes_us }),
  eventLoopDelayP99_ms: Math.max(0, delays.percentile(99) / 1e6 - DELAY_RESOLUTION_MS),
  peakMemory_bytes: peakMemory_bytes(),
  idleMemory_bytes,
  workers,
  goldRows: Number(gold.version.metadata.snapshots.at(-1)?.summary['total-records'] ?? 0),
})
leaveParent()
