import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runChild } from '../lib/child.mjs'
import { copyLog, withFolder } from '../lib/lakes.mjs'
import { round } from '../lib/measure.mjs'

const LAYERS = ['bronze', 'silver', 'gold']
const PARTITIONS = 4
/** Binance and Kraken as in the default feed, 750 to 75 a second. */
const BINANCE_SHARE = 10 / 11
const MIB = 2 ** 20

/**
 * Records that wait in the log, taken through all layers by one process; then, if asked for, each layer by a
 * process of its own on the same log.
 */
export function measureThroughput({ count, threads, perLayer }, say) {
  return withFolder(async (folder) => {
    const directory = join(folder, 'lake')
    const binance = Math.round(count * BINANCE_SHARE)
    say(`throughput: producing ${count} records`)
    const loaded = await runChild('load', {
      directory,
      counts: { binance, kraken: count - binance },
      partitions: PARTITIONS,
      duplicates: 0.01,
      invalid: 0.001,
      seed: 7,
    })
    const apart = join(folder, 'apart')
    if (perLayer) {
      await mkdir(apart)
      await copyLog(directory, apart)
    }
    say('throughput: draining, all layers in one process')
    const all = await drain(directory, LAYERS, threads)
    if (all.goldRows !== loaded.trades) throw new Error(`gold has ${all.goldRows} rows, not ${loaded.trades}`)
    const layers = {}
    for (const layer of perLayer ? LAYERS : []) {
      say(`throughput: draining, ${layer} alone`)
      layers[layer] = figures(await drain(apart, [layer], threads), loaded.records)
    }
    return {
      records: loaded.records,
      valueBytes_average: round(loaded.value_bytes / loaded.records),
      threads,
      ...figures(all, loaded.records),
      layers,
    }
  })
}

function drain(directory, layers, threads) {
  return runChild('drain', { directory, layers, threads })
}

function figures(drained, records) {
  return {
    events_per_second: Math.round((records / drained.wall_ms) * 1000),
    wall_seconds: round(drained.wall_ms / 1000),
    /** The same number as CPU seconds for a million events. */
    cpu_us_per_event: round((drained.cpuUser_us + drained.cpuSystem_us) / records),
    cpuSystem_us_per_event: round(drained.cpuSystem_us / records),
    peakMemory_mib: Math.round(drained.peakMemory_bytes / MIB),
    memoryBefore_mib: Math.round(drained.idleMemory_bytes / MIB),
    commits: Object.fromEntries(Object.entries(drained.workers).map(([name, { commits }]) => [name, commits])),
  }
}
