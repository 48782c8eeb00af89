import { readFileSync, writeFileSync } from 'node:fs'
import { arch, availableParallelism, cpus, loadavg, platform, totalmem } from 'node:os'

/** The value below which a fraction of the values lies; NaN of none. */
export function percentile(values, fraction) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN
}

export function median(values) {
  return percentile(values, 0.5)
}

/**
 * Most resident memory that this process has had. Linux's own figure where there is one: `maxRSS` of a child begins
 * with its parent's there.
 */
export function peakMemory_bytes() {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
    if (found) return Number(found[1]) * 1024
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024
}

/** From here on `peakMemory_bytes` is the most that the process has now or later; where there is no Linux it stays. */
export function forgetPeakMemory() {
  try {
    writeFileSync('/proc/self/clear_refs', '5')
  } catch {
    // Not Linux.
  }
}

/** Columns of /proc/stat: user, nice, system, irq, softirq, steal. */
const WORKING = [1, 2, 3, 6, 7, 8]
const TICK_US = 10_000

/** What all processors of the machine have worked since it was started, in µs; 0 where nothing tells. */
function machineCpu_us() {
  try {
    const times = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.split(/\s+/).map(Number) ?? []
    return WORKING.reduce((sum, column) => sum + (times[column] ?? 0), 0) * TICK_US
  } catch {
    return 0
  }
}

/**
 * Begins a measurement of this process. What is called at its end gives its wall and CPU time, and `others_cores`: how
 * many processors others kept busy meanwhile, on average.
 */
export function beginUsage() {
  const machine_us = machineCpu_us()
  const cpu = process.cpuUsage()
  const began_ms = performance.now()
  return () => {
    const wall_ms = performance.now() - began_ms
    const { user, system } = process.cpuUsage(cpu)
    const others_us = machineCpu_us() - machine_us - user - system
    return { wall_ms, cpuUser_us: user, cpuSystem_us: system, others_cores: Math.max(0, others_us / 1000 / wall_ms) }
  }
}

/** What the numbers were measured on. */
export function machine() {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    processors: availableParallelism(),
    memory_bytes: totalmem(),
    platform: `${platform()} ${arch()}`,
    node: process.version,
    /** Of the last minute, as the benchmark began: what else was running. */
    load_average: loadavg()[0],
  }
}

export function round(value, digits = 2) {
  return Number(value.toFixed(digits))
}
