import { setTimeout as delay } from 'node:timers/promises'
import { planFiles } from '@assay/iceberg'
import { runWorkers } from '@assay/lake'
import { startChild } from '../lib/child.mjs'
import { filesByTable } from '../lib/files.mjs'
import { openBenchLake, simulation, tableNamed, withFolder } from '../lib/lakes.mjs'
import { median, round } from '../lib/measure.mjs'
import { SteppedClock } from '../lib/stepped-clock.mjs'

const RECORDS_PER_COMMIT = 50
const PARTITIONS = 2
const EARLY_COMMITS = 60
const PLANNINGS = 31
/** Half the second, so that every layer is ready when the next records come. */
const INTERVAL_MS = 500
/** Real time without a commit after which the clock is moved on a little, for a worker that sleeps on it. */
const STALLED_MS = 500
const STEP_MS = 100
/** Once silver has its commit, gold sleeps for a moment to gather: so many steps are taken at once. */
const GATHER_STEPS = 3
const GATHER_QUIET_MS = 5
const STUCK_MS = 60_000
const GOLD = 'gold_crypto_trades'

/**
 * One commit a second to bronze, silver and gold, as fast as they go: the workers' clock is a stepped one. An analyst
 * in another process reads all the while.
 */
export function measureHour({ commits, threads }, say) {
  return withFolder(async (directory) => {
    say(`hour: ${commits} commits of ${RECORDS_PER_COMMIT} records to each layer`)
    const clock = new SteppedClock(Math.ceil(Date.now() / 1000) * 1000)
    const lake = await openBenchLake(directory, { clock, threads })
    const pipeline = new SteppedPipeline(lake, clock)
    const start_ms = clock.now_ms()
    const before_ms = performance.now()
    let analyst
    try {
      const { topic, batches } = await simulation(lake, 'binance', PARTITIONS, {
        count: commits * RECORDS_PER_COMMIT,
        seed: 3,
        startTime_ms: clock.now_ms(),
        rate: RECORDS_PER_COMMIT,
        duplicates: 0.02,
        batchRecords: RECORDS_PER_COMMIT,
      })
      let early
      for (const batch of batches) {
        await pipeline.second(topic, batch)
        if (pipeline.goldCommits === EARLY_COMMITS) {
          early = await planning(directory)
          analyst = startChild('analyst', { directory })
        }
        if (pipeline.goldCommits % 600 === 0) say(`hour: ${pipeline.goldCommits} commits`)
      }
      const seconds = (performance.now() - before_ms) / 1000
      analyst?.send('stop')
      const asked = await analyst?.done()
      const late = await planning(directory)
      return {
        commits: pipeline.commits,
        wall_seconds: round(seconds),
        stepped_seconds: (clock.now_ms() - start_ms) / 1000,
        planning: { after_60: early, after_all: late, ratio: round(late.least_ms / early.least_ms) },
        analyst: asked,
        tables: await filesByTable(directory),
      }
    } finally {
      await pipeline.stop()
      analyst?.kill()
      await lake.close()
    }
  })
}

/** The workers, given their time second by second. */
class SteppedPipeline {
  commits = {}
  #lake
  #clock
  #stop = new AbortController()
  #running
  #failure
  #taken = 0
  #produced = 0
  #quietSince_ms = 0
  #gatherSteps = 0

  constructor(lake, clock) {
    this.#lake = lake
    this.#clock = clock
    this.#running = runWorkers(
      lake,
      { drain: false, adopt: false, interval_ms: INTERVAL_MS, onEvent: (event) => this.#note(event) },
      this.#stop.signal,
    ).catch((error) => {
      this.#failure = error
    })
  }

  get goldCommits() {
    return this.commits.gold ?? 0
  }

  /** Produces, lets a second pass, and waits until gold has all of it. */
  async second(topic, batch) {
    this.#produced += batch.count
    await this.#lake.log.produce(topic, batch)
    this.#clock.advance(1000 - (this.#clock.now_ms() % 1000))
    const before_ms = performance.now()
    this.#quietSince_ms = before_ms
    this.#gatherSteps = 0
    while (this.#taken < this.#produced) {
      if (this.#failure) throw this.#failure
      const now_ms = performance.now()
      if (now_ms - before_ms > STUCK_MS) throw new Error(`gold stands at ${this.#taken} of ${this.#produced} records`)
      if (now_ms - this.#quietSince_ms > (this.#gatherSteps > 0 ? GATHER_QUIET_MS : STALLED_MS)) {
        this.#quietSince_ms = now_ms
        this.#gatherSteps -= 1
        this.#clock.advance(STEP_MS)
      }
      await delay(1)
    }
  }

  async stop() {
    this.#stop.abort()
    await this.#running
  }

  #note(event) {
    if (event.kind === 'outage') this.#failure = event.error
    if (event.kind !== 'committed') return
    this.#quietSince_ms = performance.now()
    if (event.worker.startsWith('silver')) this.#gatherSteps = GATHER_STEPS
    this.commits[event.worker] = (this.commits[event.worker] ?? 0) + 1
    if (event.worker === 'gold') this.#taken += event.counts.records
  }
}

/** Time that a reader with nothing in memory takes to load gold and plan a read of all of it. */
async function planning(directory) {
  const loads_ms = []
  const plans_ms = []
  const totals_ms = []
  let files = 0
  for (let i = 0; i < PLANNINGS; i++) {
    const lake = await openBenchLake(directory)
    const before_ms = performance.now()
    const { table } = await tableNamed(lake, GOLD)
    const version = await table.load()
    const loaded_ms = performance.now()
    files = (await planFiles(table, version)).length
    const planned_ms = performance.now()
    await lake.close()
    loads_ms.push(loaded_ms - before_ms)
    plans_ms.push(planned_ms - loaded_ms)
    totals_ms.push(planned_ms - before_ms)
  }
  return {
    load_ms: round(median(loads_ms)),
    plan_ms: round(median(plans_ms)),
    total_ms: round(median(totals_ms)),
    /** Whatever else runs can only make it longer: the least is compared. */
    least_ms: round(Math.min(...totals_ms)),
    files,
  }
}
