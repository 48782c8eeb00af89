import { join } from 'node:path'
import { drain, drainFigures, loadLog, warmUpLogs } from '../lib/drained.mjs'
import { filesByTable } from '../lib/files.mjs'
import { withFolder } from '../lib/lakes.mjs'
import { round } from '../lib/measure.mjs'
import { SCENARIO_NAMES, SCENARIOS } from '../lib/scenario-list.mjs'

const GOLD = 'gold_crypto_trades'

/** Loads of all kinds, each taken through all layers by a process of its own. */
export function measureScenarios({ names, count, threads }, say) {
  const chosen = names.length > 0 ? names : SCENARIO_NAMES.filter((name) => !SCENARIOS[name].asked)
  return withFolder(async (folder) => {
    const warm = await warmUpLogs(folder)
    const measured = {}
    for (const name of chosen) {
      say(`scenarios: ${name}`)
      const { rate } = SCENARIOS[name].simulated ?? {}
      measured[name] = await withFolder(async (own) => {
        return measureScenario(own, { count, ...SCENARIOS[name] }, { threads, warm, rate })
      })
    }
    return { ...measured, derived: derived(measured) }
  })
}

async function measureScenario(folder, scenario, { threads, warm, rate }) {
  const directory = join(folder, 'lake')
  const loaded = await loadLog(directory, scenario)
  if (scenario.twice) {
    await drain({ directory, threads })
    await loadLog(directory, scenario)
  }
  const before = await filesByTable(directory)
  const drained = await drain({ directory, threads, warm: scenario.cold ? undefined : await warm() })
  if (drained.goldRows !== loaded.trades) throw new Error(`gold has ${drained.goldRows} rows, not ${loaded.trades}`)
  const after = Object.entries(await filesByTable(directory))
  const files = Object.fromEntries(
    after.map(([table, { on_disk }]) => [table, on_disk.data - (before[table]?.on_disk.data ?? 0)]),
  )
  const live_bytes = after.reduce((sum, [, table]) => sum + table.live_bytes, 0)
  return {
    records: loaded.records,
    valueBytes_average: round(loaded.value_bytes / loaded.records),
    ...drainFigures(drained, loaded.records),
    files,
    storedBytes_per_event: round(live_bytes / (loaded.records * (scenario.twice ? 2 : 1)), 1),
    ...(rate !== undefined && { goldFiles_per_hour: round((files[GOLD] ?? 0) / (loaded.records / rate / 3600)) }),
  }
}

/** What the scenarios say of one another. */
function derived(measured) {
  const cost = (name) => measured[name]?.cpu_us_per_event
  const figures = {}
  if (cost('letters-50') && cost('letters-0')) {
    figures.deadLetter_extraCpu_us = round((cost('letters-50') - cost('letters-0')) / 0.5)
  }
  if (cost('lanes-64') && cost('lanes-4')) figures.lanes64_against4 = round(cost('lanes-64') / cost('lanes-4'))
  return figures
}
