// Runs all workers until the parent says stop. `mark` begins a measurement, `measure` asks for it.
import { setTimeout as delay } from 'node:timers/promises'
import { DEFAULT_COMMIT_INTERVAL_MS, runWorkers } from '@assay/lake'
import { childOptions, leaveParent, tellParent } from '../lib/child.mjs'
import { openBenchLake } from '../lib/lakes.mjs'
import { peakMemory_bytes } from '../lib/measure.mjs'

const { directory, broker, threads } = childOptions()
const lake = await openBenchLake(directory, { broker, threads })
const stop = new AbortController()
let mark
let commits

function begin() {
  mark = { cpu: process.cpuUsage(), at_ms: performance.now() }
  commits = {}
}

function measured() {
  const { user, system } = process.cpuUsage(mark.cpu)
  const seconds = (performance.now() - mark.at_ms) / 1000
  return { seconds, cpu_seconds: (user + system) / 1e6, commits, peakMemory_bytes: peakMemory_bytes() }
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
