// Runs one part of the benchmark on the packages that this process was started with.
import { childOptions, leaveParent, tellParent } from '../lib/child.mjs'

const PARTS = {
  throughput: async () => (await import('../parts/throughput.mjs')).measureThroughput,
  rounds: async () => (await import('../parts/rounds.mjs')).measureRounds,
  scenarios: async () => (await import('../parts/scenarios.mjs')).measureScenarios,
  queries: async () => (await import('../parts/queries.mjs')).measureQueries,
  freshness: async () => (await import('../parts/freshness.mjs')).measureFreshness,
  hour: async () => (await import('../parts/hour.mjs')).measureHour,
  kafka: async () => (await import('../parts/kafka.mjs')).measureKafka,
}

const { part, options } = childOptions()
const measure = await PARTS[part]()
await tellParent(await measure(options, (text) => process.stderr.write(`${text}\n`)))
leaveParent()
