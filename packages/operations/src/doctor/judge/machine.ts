import { type Finding, failure, ok, warning } from './finding.js'
import { bytes, share } from './words.js'

const MIB = 2 ** 20
const GIB = 2 ** 30

/** Node's versions that all tests run on. */
const NODES = [
  { major: 20, minor: 19 },
  { major: 22, minor: 0 },
  { major: 24, minor: 0 },
] as const

export function judgeNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const known = NODES.find((one) => one.major === major)
  if (known && minor >= known.minor) return ok('node', `Node ${version}`)
  const install = 'install Node 20 (from 20.19), 22 or 24'
  if (major > 20) return warning('node', `Node ${version}, on which Assay is not tested`, install)
  return failure('node', `Node ${version} is too old`, install)
}

interface MemoryFacts {
  /** What this process may use: the container's limit, or all that the machine has. */
  readonly limit_bytes: number
  /** What the SQL engine may take (ASSAY_MEMORY_BYTES). */
  readonly engine_bytes: number
}

/** What a worker needs beside its engine: measured peaks less the engine's share. */
const BESIDE_ENGINE_BYTES = 256 * MIB

export function judgeMemory({ limit_bytes, engine_bytes }: MemoryFacts): Finding {
  const found = `${bytes(limit_bytes)} for this process, of which the engine may take ${bytes(engine_bytes)}`
  if (limit_bytes >= engine_bytes + BESIDE_ENGINE_BYTES) return ok('memory', found)
  return warning(
    'memory',
    `${found}: a worker needs ${bytes(BESIDE_ENGINE_BYTES)} more, and is killed by the system without them`,
    'give it more memory, or set a lower ASSAY_MEMORY_BYTES',
  )
}

const OPEN_FILES_LEAST = 1_024

/** `most`: files that this process may have open; undefined where the system does not say. */
export function judgeOpenFiles(most: number | undefined): Finding {
  if (most === undefined) return ok('open files', 'no limit is told')
  if (most >= OPEN_FILES_LEAST) return ok('open files', `up to ${most}`)
  return warning(
    'open files',
    `at most ${most}: workers wait with store_too_many_files when that is not enough`,
    `ulimit -n ${OPEN_FILES_LEAST}, or LimitNOFILE= of its unit, before Assay starts`,
  )
}

export interface DiskFacts {
  /** What lies there: the lake, the work folder, temporary files. */
  readonly holds: readonly string[]
  readonly path: string
  readonly size_bytes: number
  readonly free_bytes: number
  /** Files that can still be made; undefined where the file system has no such limit. */
  readonly freeFiles: number | undefined
}

const FREE_BYTES_LEAST = 100 * MIB
const FREE_BYTES_WANTED = 2 * GIB
const FREE_FILES_LEAST = 1_000

export function judgeDisk({ holds, path, size_bytes, free_bytes, freeFiles }: DiskFacts): Finding {
  const what = `${holds.join(', ')} (${path})`
  const found = `${what}: ${bytes(free_bytes)} free, ${share(free_bytes, size_bytes)}`
  const free = `free some of the disk of ${path}; assay maintain --expire deletes what is past its grace time`
  if (freeFiles !== undefined && freeFiles < FREE_FILES_LEAST) {
    return failure('disk', `${what}: only ${freeFiles} more files can be made: workers wait when there are none`, free)
  }
  if (free_bytes < FREE_BYTES_LEAST) return failure('disk', `${found}: workers wait while it is full`, free)
  return free_bytes < FREE_BYTES_WANTED ? warning('disk', `${found}: that is little`, free) : ok('disk', found)
}

interface ClockFacts {
  /** Whose time it is compared with. */
  readonly server: string
  /** By how much this clock is ahead; negative: behind. */
  readonly ahead_ms: number
}

const SKEW_WARNED_MS = 5_000
/** Stores refuse requests that are signed a quarter of an hour from their own time. */
const SKEW_MS_MAX = 5 * 60_000

export function judgeClock({ server, ahead_ms }: ClockFacts): Finding {
  const by = Math.abs(ahead_ms)
  const way = ahead_ms < 0 ? 'behind' : 'ahead of'
  if (by < SKEW_WARNED_MS) return ok('clock', `as that of ${server}`)
  const found = `this machine's clock is ${Math.round(by / 1_000)} s ${way} that of ${server}`
  const next = 'let the clock be set: timedatectl set-ntp true, or chronyc makestep'
  if (by < SKEW_MS_MAX) return warning('clock', `${found}: lags and times of commits are wrong by that much`, next)
  return failure('clock', `${found}: signed requests are refused from 15 minutes on`, next)
}
