import { numberAt, wordsOf } from '@assay/core'
import { cutToPartitions } from '@assay/pipeline'
import { ERROR_TYPES, type ErrorType, typesOfVerdicts, type Verdicts } from '@assay/rules'
import type { BronzeRows } from './rows/rows.js'

const DAY_US = 86_400_000_000
/** A day's partitions: silver's, and one of dead letters for each type. */
const PARTITIONS_A_DAY = ERROR_TYPES.length + 1

/** The rows of a batch that are taken, by what becomes of them; each list in the batch's order. */
export interface SortedRows {
  readonly valid: Uint32Array
  readonly rejected: Uint32Array
  /** How many rows are taken of each lane, from its first one on. */
  readonly counts: readonly number[]
  /** A number for the partition of each row, silver's or that of dead letters; see `partitionOf`. */
  readonly partitions: Int32Array
}

/** A day since 1970, and the type of the dead letters; undefined for silver. */
interface DayPartition {
  readonly day: number
  readonly type: ErrorType | undefined
}

/**
 * Sorts rows into valid and rejected ones, as far as they lie in at most `maxPartitions` partitions (T14). `ends` tells
 * where the rows of each lane end; each lane is cut by itself.
 */
export function sortRows(
  rows: BronzeRows,
  times_us: BigInt64Array,
  verdicts: Verdicts,
  { ends, maxPartitions }: { readonly ends: readonly number[]; readonly maxPartitions: number },
): SortedRows {
  const partitions = partitionNumbers(rows, times_us, verdicts)
  const starts = ends.map((_, rank) => ends[rank - 1] ?? 0)
  const ofLanes = ends.map((end, rank) => partitions.subarray(starts[rank], end))
  const { counts } = cutToPartitions(ofLanes, maxPartitions, 0)
  const valid = new Uint32Array(rows.count)
  const rejected = new Uint32Array(rows.count)
  let validCount = 0
  let rejectedCount = 0
  for (const [rank, start] of starts.entries()) {
    const end = start + (counts[rank] as number)
    for (let row = start; row < end; row++) {
      if (verdicts.broken[row] === 0) valid[validCount++] = row
      else rejected[rejectedCount++] = row
    }
  }
  return { valid: valid.subarray(0, validCount), rejected: rejected.slice(0, rejectedCount), counts, partitions }
}

/** Where the rows of each of so many lanes end; they follow one another in the order of ranks. */
export function laneEnds({ ranks, count }: BronzeRows, lanes: number): readonly number[] {
  const ends = new Array<number>(lanes).fill(0)
  for (let row = 0; row < count; row++) ends[ranks[row] as number] = row + 1
  for (let rank = 1; rank < lanes; rank++) ends[rank] = Math.max(ends[rank] as number, ends[rank - 1] as number)
  return ends
}

/** Rows by their partitions, in the order in which those come first; each list in the rows' order. */
export function rowsByPartition(rows: Uint32Array, partitions: Int32Array): ReadonlyMap<number, Uint32Array> {
  const counts = new Map<number, number>()
  let last = Number.NaN
  let run = 0
  const count = (): void => {
    if (run > 0) counts.set(last, (counts.get(last) ?? 0) + run)
  }
  for (let k = 0; k < rows.length; k++) {
    const partition = partitions[rows[k] as number] as number
    if (partition !== last) {
      count()
      last = partition
      run = 0
    }
    run++
  }
  count()
  if (counts.size === 1) return new Map([[last, rows]])
  const lists = new Map([...counts].map(([partition, size]) => [partition, { rows: new Uint32Array(size), at: 0 }]))
  for (let k = 0; k < rows.length; k++) {
    const row = rows[k] as number
    const list = lists.get(partitions[row] as number)
    if (list) list.rows[list.at++] = row
  }
  return new Map([...lists].map(([partition, list]) => [partition, list.rows]))
}

export function partitionOf(number: number): DayPartition {
  const day = Math.floor(number / PARTITIONS_A_DAY)
  const place = number - day * PARTITIONS_A_DAY
  return { day, type: place === 0 ? undefined : ERROR_TYPES[place - 1] }
}

function partitionNumbers(rows: BronzeRows, times_us: BigInt64Array, { rules, broken }: Verdicts): Int32Array {
  const types = typesOfVerdicts(rules)
  const places = Int32Array.from(types, (type) => (type === undefined ? 0 : 1 + ERROR_TYPES.indexOf(type)))
  const times = wordsOf(times_us)
  const kafka = wordsOf(rows.kafka_us)
  const found = new Int32Array(rows.count)
  for (let row = 0; row < found.length; row++) {
    const verdict = broken[row] as number
    // The day of a dead letter is that of its Kafka timestamp.
    const time_us = verdict === 0 ? numberAt(times, row) : rows.kafkaNulls[row] === 1 ? 0 : numberAt(kafka, row)
    found[row] = Math.floor(time_us / DAY_US) * PARTITIONS_A_DAY + (places[verdict] as number)
  }
  return found
}
