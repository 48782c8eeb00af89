import { PRODUCE_LIMITS } from '../defaults.js'
import type { ProduceLimits } from '../plan.js'

export const SEGMENT_BYTES_MAX = 1024 ** 3

export interface FileLogLimits extends ProduceLimits {
  /** A segment that would become larger is followed by another one. At most 1 GiB. */
  readonly segment_bytes: number
  /** What a lane keeps at least; older segments are deleted when one is added. Infinity: all. */
  readonly retention_bytes: number
  /** How long to wait for another process that writes to the same lane. */
  readonly lock_wait_ms_max: number
  /** How often to look for what other processes produced. */
  readonly poll_ms: number
  /**
   * How long the end mark of an acknowledged write may stay in the operating system's hands before it is forced to
   * the disk: only a loss of power takes it from there. 0: forced out before the write is acknowledged.
   */
  readonly mark_sync_ms_max: number
}

export const DEFAULTS: FileLogLimits = {
  ...PRODUCE_LIMITS,
  segment_bytes: 64 * 1024 * 1024,
  retention_bytes: Number.POSITIVE_INFINITY,
  lock_wait_ms_max: 30_000,
  poll_ms: 25,
  mark_sync_ms_max: 50,
}
