import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { drain, drainFigures, LAYERS, loadLog, warmUpLogs } from '../lib/drained.mjs'
import { copyLog, withFolder } from '../lib/lakes.mjs'
import { round } from '../lib/measure.mjs'

/**
 * Records that wait in the log, taken through all layers by one process that has warmed up; then each layer by a process
 * of its own on the same log. With `profile` all of it once more, and where the time goes.
 */
export function measureThroughput({ count, threads, profile }, say) {
  return withFolder(async (folder) => {
    const directory = join(folder, 'lake')
    say(`throughput: producing ${count} records`)
    const loaded = await loadLog(directory, { count })
    const warm = await warmUpLogs(folder)
    const run = async (name, isProfiled) => {
      const [together, apart] = [join(folder, `${name}-together`), join(folder, `${name}-apart`)]
      for (const copy of [together, apart]) {
        await mkdir(copy)
        await copyLog(directory, copy)
      }
      const how = { threads, profile: isProfiled }
      const drained = { all: await drain({ ...how, directory: together, warm: await warm() }) }
      if (drained.all.goldRows !== loaded.trades)
        throw new Error(`gold has ${drained.all.goldRows} rows, not ${loaded.trades}`)
      const warmApart = await warm()
      for (const layer of LAYERS)
        drained[layer] = await drain({ ...how, directory: apart, layers: [layer], warm: warmApart })
      return drained
    }
    say('throughput: draining, all layers in one process, then each alone')
    const { all, ...layers } = await run('plain', false)
    const figures = {
      records: loaded.records,
      valueBytes_average: round(loaded.value_bytes / loaded.records),
      threads,
      ...drainFigures(all, loaded.records),
      layers: mapped(layers, (drained) => drainFigures(drained, loaded.records)),
    }
    if (!profile) return figures
    say('throughput: the same with a CPU profile')
    return {
      ...figures,
      phases: mapped(await run('profiled', true), (drained) => phaseFigures(drained, loaded.records)),
    }
  })
}

function mapped(record, figure) {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, figure(value)]))
}

/**
 * µs of CPU an event: of each phase on the main thread, of V8's threads, and of all others; the profiler's own is left out.
 */
function phaseFigures({ phases, threadTimes_us, cpuUser_us, cpuSystem_us }, records) {
  const { main, V8, profiler } = threadTimes_us
  const all = cpuUser_us + cpuSystem_us - profiler
  return {
    ...mapped(phases, (share) => round((share * main) / records, 3)),
    'threads of V8': round(V8 / records, 3),
    'other threads': round((all - main - V8) / records, 3),
    sum: round(all / records, 3),
  }
}
