import { planFiles } from '@assay/iceberg'
import { startChild } from '../lib/child.mjs'
import { filesByTable } from '../lib/files.mjs'
import { openBenchLake, simulation, tableNamed, withFolder } from '../lib/lakes.mjs'
import { median, round } from '../lib/measure.mjs'
import { SteppedClock } from '../lib/stepped-clock.mjs'
import { SteppedPipeline } from '../lib/stepped-pipeline.mjs'

const RECORDS_PER_COMMIT = 50
const PARTITIONS = 2
/** Commits after which planning is timed, beside the last. */
const EARLY_COMMITS = 60
const LATER_COMMITS = 3600
const PLANNINGS = 31
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
      let later
      for (const batch of batches) {
        await pipeline.second(topic, batch)
        if (pipeline.goldCommits === EARLY_COMMITS) {
          early = await planning(directory)
          analyst = startChild('analyst', { directory })
        }
        if (pipeline.goldCommits === LATER_COMMITS && commits > LATER_COMMITS) later = await planning(directory)
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
        planning: {
          after_60: early,
          ...(later && { after_3600: later }),
          after_all: late,
          ratio: round(late.least_ms / early.least_ms),
        },
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
