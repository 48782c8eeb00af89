import type { BytesColumn, ConstantColumn, RowColumn, RowColumns, SpanColumn } from '@assay/core'
import { cutPlan, type LanePlan, type LaneRows, type TableBatch } from '@assay/pipeline'
import { countWithinLookups } from './decode.js'
import { type BronzeRows, firstRows } from './rows/rows.js'

/** What silver reads of bronze. */
export const BRONZE_COLUMNS: readonly string[] = ['kafka_timestamp', 'ingestion_timestamp', 'raw_bytes', 'headers']

/** Reads the batch's rows in order of (lane, offset); the plan is smaller where they held too many bytes. */
export async function collectBronzeRows(
  batch: TableBatch,
): Promise<{ readonly rows: BronzeRows; readonly plan: LanePlan }> {
  const { plan, lanes } = await batch.read()
  return { rows: bronzeRows(plan, lanes), plan }
}

/** Rows and plan up to where the batch has asked the registry for as many schemas as it may. */
export function cutToLookups(rows: BronzeRows, plan: LanePlan): { readonly rows: BronzeRows; readonly plan: LanePlan } {
  const count = countWithinLookups(rows)
  if (count === rows.count) return { rows, plan }
  return {
    rows: firstRows(rows, count),
    plan: cutPlan(plan, rows.ranks[count] as number, rows.offsets[count] as bigint),
  }
}

function bronzeRows(plan: LanePlan, lanes: readonly LaneRows[]): BronzeRows {
  const count = lanes.reduce((sum, lane) => sum + lane.rows.length, 0)
  const rows = {
    ranks: new Int32Array(count),
    offsets: new BigInt64Array(count),
    kafka_us: new BigInt64Array(count),
    kafkaNulls: new Uint8Array(count),
    bronze_us: new BigInt64Array(count),
  }
  const ranks = new Map(plan.ranges.map(({ key }, rank) => [key, rank]))
  let at = 0
  for (const lane of lanes) {
    rows.ranks.fill(ranks.get(lane.key) as number, at, at + lane.rows.length)
    gather(lane.offsets, lane.rows, rows.offsets, at)
    gatherTimes(lane, 'kafka_timestamp', rows.kafka_us, rows.kafkaNulls, at)
    gatherTimes(lane, 'ingestion_timestamp', rows.bronze_us, undefined, at)
    at += lane.rows.length
  }
  return { count, ...rows, raw: bytesOf(lanes, 'raw_bytes', count), headers: bytesOf(lanes, 'headers', count) }
}

function gather(from: BigInt64Array, rows: Uint32Array, to: BigInt64Array, at: number): void {
  const first = rows[0] as number
  // Rows of a lane mostly lie one behind the other.
  if (rows.length === 0) return
  if ((rows.at(-1) as number) - first === rows.length - 1) to.set(from.subarray(first, first + rows.length), at)
  else for (let i = 0; i < rows.length; i++) to[at + i] = from[rows[i] as number] as bigint
}

function gatherTimes(
  { columns, rows }: LaneRows,
  name: string,
  to: BigInt64Array,
  nulls: Uint8Array | undefined,
  at: number,
): void {
  const column = columnNamed(columns, name)
  if (column.type === 'CONSTANT') {
    to.fill(constantTime(column, name), at, at + rows.length)
    return
  }
  if (column.type !== 'TIMESTAMPTZ') throw new RangeError(`${name} is no column of times`)
  gather(column.data, rows, to, at)
  if (!nulls || !column.nulls) return
  for (let i = 0; i < rows.length; i++) nulls[at + i] = column.nulls[rows[i] as number] as number
}

function constantTime({ value }: ConstantColumn, name: string): bigint {
  if (typeof value !== 'bigint') throw new RangeError(`${name} is no time`)
  return value
}

function columnNamed(columns: RowColumns, name: string): RowColumn {
  const column = columns.get(name)
  if (!column) throw new RangeError(`bronze was read without ${name}`)
  return column
}

/** One column of byte strings of all lanes' rows, copied. */
function bytesOf(lanes: readonly LaneRows[], name: string, count: number): BytesColumn {
  const parts = lanes.map(({ columns, rows }) => ({ column: spansOf(columns, name), rows }))
  const offsets = new Uint32Array(count + 1)
  const nulls = parts.some(({ column }) => column.nulls) ? new Uint8Array(count) : undefined
  let bytes = 0
  let at = 0
  for (const { column, rows } of parts) {
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i] as number
      bytes += (column.ends[row] as number) - (column.starts[row] as number)
      offsets[++at] = bytes
      if (nulls && column.nulls?.[row] === 1) nulls[at - 1] = 1
    }
  }
  const data = new Uint8Array(bytes)
  at = 0
  for (const { column, rows } of parts) {
    copySpans(column, rows, data, offsets[at] as number)
    at += rows.length
  }
  return { data, offsets, ...(nulls && { nulls }) }
}

function spansOf(columns: RowColumns, name: string): SpanColumn {
  const column = columnNamed(columns, name)
  if (column.type !== 'BLOB') throw new RangeError(`${name} is no column of bytes`)
  return column
}

/** Spans that touch in the source are copied as one. */
function copySpans({ source, starts, ends }: SpanColumn, rows: Uint32Array, to: Uint8Array, at: number): void {
  let next = at
  for (let i = 0; i < rows.length; ) {
    const start = starts[rows[i] as number] as number
    let end = ends[rows[i] as number] as number
    for (i++; i < rows.length && starts[rows[i] as number] === end; i++) end = ends[rows[i] as number] as number
    to.set(source.subarray(start, end), next)
    next += end - start
  }
}
