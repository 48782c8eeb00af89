import { setTimeout as delay } from 'node:timers/promises'
import { startChild } from '../lib/child.mjs'
import { filesByTable } from '../lib/files.mjs'
import { openBenchLake, simulation, tableNamed, withFolder } from '../lib/lakes.mjs'
import { percentile, round } from '../lib/measure.mjs'

const PARTITIONS = 4
/** Appends a second; each carries its share of the rate. */
const APPENDS_PER_SECOND = 50
const POLL_MS = 5
/** Not counted: opening tables, compiling code. */
const WARM_UP_SECONDS = 5
const CATCH_UP_MS = 30_000
const MIB = 2 ** 20

/**
 * How long a record takes from before its append to being visible in a table, at a steady rate; the workers run in
 * a process of their own, this one produces and looks.
 * @param {{ rate: number, seconds: number, threads: number, broker?: string, table?: string }} load
 * @param {(text: string) => void} say
 */
export function measureFreshness({ rate, seconds, threads, broker, table = 'gold_crypto_trades' }, say) {
  return withFolder(async (directory) => {
    const lake = await openBenchLake(directory, { broker })
    const { topic, batches } = await simulation(lake, 'binance', PARTITIONS, {
      count: rate * (WARM_UP_SECONDS + seconds),
      seed: 11,
      startTime_ms: Date.now(),
      rate,
      batchRecords: Math.max(1, Math.round(rate / APPENDS_PER_SECOND)),
    })
    say(`freshness: ${rate} events a second for ${seconds} s`)
    const workers = startChild('serve', { directory, broker, threads })
    try {
      await workers.next()
      const watch = new Watch(await tableNamed(lake, table))
      const watching = watch.run()
      await produceSteadily({ lake, topic, batches, rate, watch, onWarm: () => workers.send('mark') })
      workers.send('measure')
      const steady = await workers.next()
      await watch.end()
      await watching
      workers.send('stop')
      await workers.done()
      return { rate, seconds, ...figures(watch.latencies_ms, steady), tables: await filesByTable(directory) }
    } finally {
      workers.kill()
      await lake.close()
    }
  })
}

/** Keeps to the schedule whatever an append takes: a late one is followed by the next at once. */
async function produceSteadily({ lake, topic, batches, rate, watch, onWarm }) {
  const start_ms = performance.now()
  let produced = 0
  let isWarm = false
  for (const batch of batches) {
    const due_ms = start_ms + (produced / rate) * 1000
    const wait_ms = due_ms - performance.now()
    if (wait_ms > 0) await delay(wait_ms)
    if (!isWarm && produced >= rate * WARM_UP_SECONDS) {
      isWarm = true
      onWarm()
    }
    const before_ms = performance.now()
    const ranges = await lake.log.produce(topic, batch)
    if (isWarm) watch.expect(ranges, before_ms)
    produced += batch.count
  }
}

/** Notes when records become visible in the table. */
class Watch {
  latencies_ms = []
  #table
  #awaited = new Map()
  #isEnding = false

  constructor(table) {
    this.#table = table
  }

  expect(ranges, since_ms) {
    for (const { lane, from, to } of ranges) {
      const key = `${lane.topic}/${lane.partition}`
      if (!this.#awaited.has(key)) this.#awaited.set(key, [])
      this.#awaited.get(key).push({ to, count: Number(to - from), since_ms })
    }
  }

  async run() {
    while (!this.#isEnding || this.#waiting() > 0) {
      const { checkpoint } = await this.#table.pin()
      const seen_ms = performance.now()
      for (const [key, { position }] of checkpoint.lanes) this.#see(this.#awaited.get(key) ?? [], position, seen_ms)
      await delay(POLL_MS)
    }
  }

  /** Waits for the last records. */
  async end() {
    this.#isEnding = true
    for (let waited_ms = 0; this.#waiting() > 0; waited_ms += 100) {
      if (waited_ms > CATCH_UP_MS) throw new Error('the table did not catch up')
      await delay(100)
    }
  }

  #waiting() {
    return [...this.#awaited.values()].reduce((sum, ranges) => sum + ranges.length, 0)
  }

  #see(ranges, position, seen_ms) {
    while (ranges[0] && ranges[0].to <= position) {
      const { count, since_ms } = ranges.shift()
      for (let i = 0; i < count; i++) this.latencies_ms.push(seen_ms - since_ms)
    }
  }
}

function figures(latencies_ms, steady) {
  const { seconds, cpu_seconds, commits, peakMemory_bytes, eventLoopDelayP99_ms, others_cores } = steady
  return {
    records: latencies_ms.length,
    freshness_ms: {
      p50: Math.round(percentile(latencies_ms, 0.5)),
      p95: Math.round(percentile(latencies_ms, 0.95)),
      p99: Math.round(percentile(latencies_ms, 0.99)),
      max: Math.round(percentile(latencies_ms, 1)),
    },
    /** Of one processor. */
    cpu_share: round(cpu_seconds / seconds),
    eventLoopDelayP99_ms: round(eventLoopDelayP99_ms, 1),
    peakMemory_mib: Math.round(peakMemory_bytes / MIB),
    others_cores: round(others_cores),
    commits_per_second: Object.fromEntries(
      Object.entries(commits).map(([worker, count]) => [worker, round(count / seconds)]),
    ),
  }
}
