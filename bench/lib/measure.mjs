import { readFileSync } from 'node:fs'
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
