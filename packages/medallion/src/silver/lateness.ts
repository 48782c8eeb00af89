import { type NamedColumn, numberAt, wordsOf } from '@assay/core'
import type { Rejection } from './apply-rules.js'
import { LaneClock, type LaneClockState } from './lanes/lane-clock.js'
import type { BronzeRows } from './rows/rows.js'

const DAY_US = 86_400_000_000

/** What silver says of each row beside its fields, and of each lane after them. */
export interface Lateness {
  /** Rows up to here are part of the batch; the rest would open one partition too many. */
  readonly count: number
  /** 1 for a row that goes to silver. */
  readonly valid: Uint8Array
  readonly isLate: Uint8Array
  readonly lateness_ms: BigInt64Array
  /** Days of the valid rows, since 1970. */
  readonly days: ReadonlySet<number>
  /** What is known of each lane after the rows, by lane rank. */
  readonly lanes: readonly LaneLateness[]
}

interface LaneLateness {
  /** Greatest trusted event time of valid rows so far. */
  greatest_us: bigint | undefined
  /** The event time of a row far ahead, or of a lane's first, that nothing has borne out yet. */
  candidate_us: bigint | undefined
  /** Offset of the batch's last valid row. */
  written: bigint | undefined
}

export interface TimeLimits {
  readonly lateness_delay_ms: number
  readonly lateness_jump_ms: number | undefined
  readonly maxPartitions: number
}

/**
 * Goes over the rows in order of (lane, offset): a valid row's lateness is how far its event time lies behind
 * the greatest trusted one of valid rows seen earlier in its lane (T16: rejected rows don't count), and the batch
 * ends before the row that would open partition number `maxPartitions + 1` (T14). `before` is what is known of each
 * lane, by rank.
 */
export function latenessOf(
  rows: BronzeRows,
  columns: readonly NamedColumn[],
  rejections: readonly Rejection[],
  before: readonly LaneClockState[],
  limits: TimeLimits,
): Lateness {
  const times = eventTimes(columns)
  const valid = new Uint8Array(rows.count)
  const isLate = new Uint8Array(rows.count)
  const lateness_ms = new BigInt64Array(rows.count)
  const jump_us = limits.lateness_jump_ms === undefined ? undefined : limits.lateness_jump_ms * 1000
  const clocks = before.map((state) => new LaneClock(state, jump_us))
  const lastValid: (number | undefined)[] = before.map(() => undefined)
  const partitions = new Set<number | string>()
  const days = new Set<number>()
  const delay_us = limits.lateness_delay_ms * 1000
  let next = 0
  let count = 0
  for (; count < rows.count; count++) {
    const rejection = rejections[next]
    const rejected = rejection?.row === count
    const time_us = numberAt(times, count)
    const day = Math.floor(time_us / DAY_US)
    const partition = rejected ? `${dlqDay(rows, count)} ${rejection.type}` : day
    if (!partitions.has(partition)) {
      if (partitions.size === limits.maxPartitions) break
      partitions.add(partition)
    }
    if (rejected) {
      next++
      continue
    }
    const rank = rows.ranks[count] as number
    const behind_us = (clocks[rank] as LaneClock).take(time_us)
    if (behind_us > 0) lateness_ms[count] = BigInt(Math.floor(behind_us / 1000))
    if (behind_us > delay_us) isLate[count] = 1
    valid[count] = 1
    days.add(day)
    lastValid[rank] = count
  }
  const lanes = clocks.map((clock, rank) => ({ ...clock.state, written: writtenOffset(rows, lastValid[rank]) }))
  return { count, valid, isLate, lateness_ms, days, lanes }
}

/** Day of the record in the dead-letter queue: that of its Kafka timestamp. */
export function dlqDay(rows: BronzeRows, row: number): number {
  return rows.kafkaNulls[row] ? 0 : Math.floor(Number(rows.kafka_us[row]) / DAY_US)
}

function writtenOffset(rows: BronzeRows, row: number | undefined): bigint | undefined {
  return row === undefined ? undefined : rows.offsets[row]
}

/** As words: within the range of event times doubles are exact. */
function eventTimes(columns: readonly NamedColumn[]): Int32Array {
  const found = columns.find((column) => column.name === 'event_time_us')?.column
  if (found?.type !== 'BIGINT') throw new RangeError('an exchange must give a BIGINT column event_time_us')
  return wordsOf(found.data)
}
