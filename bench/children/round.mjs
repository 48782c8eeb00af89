// Rounds of a few rows through all layers that run in one process, as they come once a second: what each costs, once code
// is compiled. Producing is not counted.
import { childOptions, leaveParent, tellParent } from '../lib/child.mjs'
import { openBenchLake, simulation } from '../lib/lakes.mjs'
import { beginUsage } from '../lib/measure.mjs'
import { SteppedClock } from '../lib/stepped-clock.mjs'
import { SteppedPipeline } from '../lib/stepped-pipeline.mjs'

const { directory, rows, rounds, warmUpRounds, partitions, threads } = childOptions()
const clock = new SteppedClock(Math.ceil(Date.now() / 1000) * 1000)
const lake = await openBenchLake(directory, { clock, threads })
const pipeline = new SteppedPipeline(lake, clock)
const { topic, batches } = await simulation(lake, 'binance', partitions, {
  count: rows * (warmUpRounds + rounds),
  seed: 13,
  startTime_ms: clock.now_ms(),
  rate: rows,
  batchRecords: rows,
})
let endUsage = beginUsage()
let round = 0
for (const batch of batches) {
  if (round === warmUpRounds) endUsage = beginUsage()
  await pipeline.second(topic, batch)
  round += 1
}
const usage = endUsage()
const { commits } = pipeline
await pipeline.stop()
await lake.close()
await tellParent({ ...usage, commits })
leaveParent()
