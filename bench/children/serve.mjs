// Runs all workers until the parent says stop. `mark` begins a measurement, `measure` asks for it.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { DEFAULT_COMMIT_INTERVAL_MS, runWorkers } from '@assay/lake'
import { childOptions, leaveParent, tellParent } from '../lib/child.mjs'
import { openBenchLake } from '../lib/lakes.mjs'
import { beginUsage, peakMemory_bytes } from '../lib/measure.mjs'

const DELAY_RESOLUTION_MS = 10
const { directory, broker, threads } = childOptions()
const lake = await openBenchLake(directory, { broker, threads })
const stop = new AbortController()
const delays = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
delays.enable()
let endUsage
let commits

function begin() {
  endUsage = beginUsage()
  commits = {}
  delays.reset()
}

function measured() {
  const { wall_ms, cpuUser_us, cpuSystem_us, others_cores } = endUsage()
  return {
    seconds: wall_ms / 1000,
    cpu_seconds: (cpuUser_us + cpuSystem_us) / 1e6,
    others_cores,
    commits,
    eventLoopDelayP99_ms: Math.max(0, delays.percentile(99) / 1e6 - DELAY_RESOLUTION_MS),
    peakMemory_bytes: peakMemory_bytes(),
  }
}

begin()
process.on('message', (message) => {
  if (message === 'mark') begin()
  else if (message === 'measure') void tellParent(measured())
  else stop.abort()
})
const running = runWorkers(
  lake,
  {
    drain: false,
    adopt: false,
    interval_ms: DEFAULT_COMMIT_INTERVAL_MS,
    onEvent(event) {
      if (event.kind === 'committed') commits[event.worker] = (commits[event.worker] ?? 0) + 1
    },
  },
  stop.signal,
)
// Time to open the tables; a failure ends the process.
await Promise.race([running, delay(1000)])
await tellParent('ready')
await running
await lake.close()
leaveParent()
