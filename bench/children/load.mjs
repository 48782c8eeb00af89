// Fills a lake's log with simulated trades; tells what the tables must come to hold.
import { childOptions, leaveParent, tellParent } from '../lib/child.mjs'
import { openBenchLake, simulation } from '../lib/lakes.mjs'

const { directory, broker, counts, partitions, padding_bytes, simulated } = childOptions()
const lake = await openBenchLake(directory, { broker })
const tallies = []
let value_bytes = 0
for (const [exchange, count] of Object.entries(counts)) {
  if (count === 0) continue
  const options = { count, startTime_ms: Date.UTC(2026, 0, 1), padding_bytes, ...simulated }
  const { topic, batches, tally } = await simulation(lake, exchange, partitions, options)
  for (const batch of batches) {
    value_bytes += batch.values.data.length
    await lake.log.produce(topic, batch)
  }
  tallies.push(tally())
}
await lake.close()
await tellParent({
  records: tallies.reduce((sum, { produced }) => sum + produced, 0),
  trades: tallies.reduce((sum, { valid, duplicates }) => sum + valid - duplicates, 0),
  value_bytes,
})
leaveParent()
