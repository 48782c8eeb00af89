import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { runChild } from './child.mjs'
import { copyLog } from './lakes.mjs'
import { round } from './measure.mjs'

export const LAYERS = ['bronze', 'silver', 'gold']
const PARTITIONS = 4
const MIB = 2 ** 20
/** Binance and Kraken as in the default feed, 750 to 75 a second. */
const BINANCE_SHARE = 10 / 11
/** Enough for the compiler to be done with what a record goes through. */
const WARM_UP_RECORDS = 300_000
const USUAL = { duplicates: 0.01, invalid: 0.001, seed: 7 }

/**
 * Simulated trades in the log of a lake: of both exchanges as in the default feed, or of Binance alone.
 * @param {string} directory
 * @param {{ count: number, partitions?: number, alone?: boolean, padding_bytes?: number, simulated?: object }} load
 */
export function loadLog(
  directory,
  { count, partitions = PARTITIONS, alone = false, padding_bytes = 0, simulated = {} },
) {
  const binance = alone ? count : Math.round(count * BINANCE_SHARE)
  const counts = { binance, kraken: count - binance }
  return runChild('load', { directory, counts, partitions, padding_bytes, simulated: { ...USUAL, ...simulated } })
}

/** The log that processes warm up on, made once in `folder`; gives paths of copies of it, one for each process. */
export async function warmUpLogs(folder) {
  const source = join(folder, 'warm-up')
  await loadLog(source, { count: WARM_UP_RECORDS, simulated: { seed: 5, invalid: 0.01 } })
  let copies = 0
  return async () => {
    const copy = join(folder, `warm-up-${copies++}`)
    await mkdir(copy)
    await copyLog(source, copy)
    return copy
  }
}

/** A copy of a whole lake. */
export async function copyLake(from, to) {
  await cp(from, to, { recursive: true, filter: (file) => !file.endsWith('.alive') })
  return to
}

export function drain(options) {
  return runChild('drain', { layers: LAYERS, threads: 1, ...options })
}

/** The figures of a drained lake, for the number of records that went through. */
export function drainFigures(drained, records) {
  const { wall_ms, cpuUser_us, cpuSystem_us, peakMemory_bytes, idleMemory_bytes, workers } = drained
  const { eventLoopDelayP99_ms, others_cores, warmUpCpu_us } = drained
  const cpu_us = cpuUser_us + cpuSystem_us
  const per_event = cpu_us / records
  return {
    events_per_second: Math.round((records / wall_ms) * 1000),
    wall_seconds: round(wall_ms / 1000),
    /** The same number as CPU seconds for a million events. */
    cpu_us_per_event: round(per_event),
    cpuSystem_us_per_event: round(cpuSystem_us / records),
    eventLoopDelayP99_ms: round(eventLoopDelayP99_ms, 1),
    peakMemory_mib: Math.round(peakMemory_bytes / MIB),
    memoryBefore_mib: Math.round(idleMemory_bytes / MIB),
    ...(warmUpCpu_us !== undefined && {
      /** What opening and compiling took beyond the steady cost of the records that did it. */
      startUpCpu_ms: Math.max(0, Math.round((warmUpCpu_us - per_event * WARM_UP_RECORDS) / 1000)),
    }),
    others_cores: round(others_cores),
    commits: Object.fromEntries(Object.entries(workers).map(([name, { commits }]) => [name, commits])),
  }
}
