import { numberAt, putNumber, wordsOf } from '@assay/core'
import { LaneClock, type LaneClockState } from '@assay/pipeline'
import type { BronzeRows } from './rows/rows.js'

/** What silver says of each valid row beside its fields, and of each lane after them. */
export interface Lateness {
  /** 1 for a row that came late. */
  readonly isLate: Uint8Array
  readonly lateness_ms: BigInt64Array
  /** What is known of each lane after the rows, by lane rank. */
  readonly lanes: readonly LaneLateness[]
}

export interface LaneLateness extends LaneClockState {
  /** Offset of the batch's last valid row. */
  readonly written: bigint | undefined
}

interface TimeLimits {
  readonly lateness_delay_ms: number
  readonly lateness_jump_ms: number | undefined
}

/**
 * Goes over the valid rows in order of (lane, offset): a row's lateness is how far its event time lies behind the
 * greatest trusted one of valid rows seen earlier in its lane (T16: rejected rows don't count). `times_us` has the event
 * time of each row, `before` what is known of each lane, by rank.
 */
export function latenessOf(
  rows: BronzeRows,
  times_us: BigInt64Array,
  valid: Uint32Array,
  before: readonly LaneClockState[],
  limits: TimeLimits,
): Lateness {
  // Within the range of event times doubles are exact to two µs.
  const times = wordsOf(times_us)
  const isLate = new Uint8Array(rows.count)
  const lateness_ms = new BigInt64Array(rows.count)
  const words = wordsOf(lateness_ms)
  const jump_us = limits.lateness_jump_ms === undefined ? undefined : limits.lateness_jump_ms * 1000
  const delay_us = limits.lateness_delay_ms * 1000
  const clocks = before.map((state) => new LaneClock(state, jump_us))
  const lastValid = new Int32Array(before.length).fill(-1)
  for (let k = 0; k < valid.length; k++) {
    const row = valid[k] as number
    const rank = rows.ranks[row] as number
    const behind_us = (clocks[rank] as LaneClock).take(numberAt(times, row))
    if (behind_us > 0) putNumber(words, row, Math.floor(behind_us / 1000))
    if (behind_us > delay_us) isLate[row] = 1
    lastValid[rank] = row
  }
  const lanes = clocks.map((clock, rank) => {
    const last = lastValid[rank] as number
    return { ...clock.state, written: last < 0 ? undefined : rows.offsets[last] }
  })
  return { isLate, lateness_ms, lanes }
}
