import { numberAt, position, type RowColumn, wordsOf } from '@assay/core'
import { columnOf, type ResultChunk, type Session } from '@assay/engine'
import type { LaneRows } from '../hand-over/lane-rows.js'
import type { ColumnDefinition } from '../table/definition.js'
import type { LanePlan } from './lane-plan.js'
import { readableSql, readColumn } from './read-columns.js'

/** What was read of a plan: the plan, smaller where its rows held more bytes than wanted, and the rows by range. */
export interface LaneRead {
  readonly plan: LanePlan
  /** In the order of the plan's ranges; a range may have several, one behind the other, that leave no offset out. */
  readonly lanes: readonly LaneRows[]
}

/** Gives SQL of a plan's rows with `lane_rank` and `lane_offset`. */
type PlanSql = (plan: LanePlan) => string

type Attempt = { readonly kind: 'rows'; readonly chunks: readonly ResultChunk[]; readonly inOrder: boolean } | TooMany
interface TooMany {
  readonly kind: 'too_many_bytes'
  readonly rows: number
}

/**
 * Reads the plan's rows through the engine, with at most `bytesMax` in texts and byte strings: where there are more,
 * the plan is made smaller and read again, so that memory never follows what the records claim (A6). Files mostly hold
 * each lane in order, so that a sort is only paid for when they don't.
 */
export async function readLanes(
  session: Session,
  columns: readonly ColumnDefinition[],
  wanted: LanePlan,
  planSql: PlanSql,
  bytesMax: number,
): Promise<LaneRead> {
  let plan = wanted
  for (;;) {
    const select = `SELECT lane_rank, lane_offset, ${columns.map(readableSql).join(', ')} FROM (${planSql(plan)})`
    const limit = offsetsOf(plan) === 1 ? Number.POSITIVE_INFINITY : bytesMax
    const read = await attempt(session, select, limit)
    if (read.kind === 'too_many_bytes') {
      plan = smallerPlan(plan, read.rows)
      continue
    }
    if (read.inOrder) return { plan, lanes: lanesOf(plan, read.chunks, columns) }
    const sorted = await attempt(session, `${select} ORDER BY lane_rank, lane_offset`, Number.POSITIVE_INFINITY)
    if (sorted.kind === 'rows') return { plan, lanes: lanesOf(plan, sorted.chunks, columns) }
  }
}

async function attempt(session: Session, sql: string, bytesMax: number): Promise<Attempt> {
  const chunks: ResultChunk[] = []
  const last = new Map<number, number>()
  let inOrder = true
  let bytes = 0
  let rows = 0
  for await (const chunk of session.read(sql)) {
    bytes += bytesIn(chunk)
    if (bytes > bytesMax) return { kind: 'too_many_bytes', rows }
    rows += chunk.count
    chunks.push(chunk)
    const ranks = columnOf(chunk, 'lane_rank', 'INTEGER').data
    const offsets = wordsOf(columnOf(chunk, 'lane_offset', 'BIGINT').data)
    for (let i = 0; i < chunk.count; ) {
      const rank = ranks[i] as number
      let before = last.get(rank) ?? -1
      for (; i < chunk.count && ranks[i] === rank; i++) {
        const offset = numberAt(offsets, i)
        if (offset <= before) inOrder = false
        before = offset
      }
      last.set(rank, before)
    }
  }
  return { kind: 'rows', chunks, inOrder }
}

function bytesIn(chunk: ResultChunk): number {
  let bytes = 0
  for (const column of chunk.columns.values()) {
    if ('offsets' in column) bytes += (column.offsets[chunk.count] as number) - (column.offsets[0] as number)
  }
  return bytes
}

function offsetsOf(plan: LanePlan): number {
  return plan.ranges.reduce((sum, { from, upper }) => sum + Number(upper - from), 0)
}

/** At most half of each lane's range, and about as many rows as were held; down to a single offset. */
function smallerPlan(plan: LanePlan, rowsHeld: number): LanePlan {
  const total = offsetsOf(plan)
  if (total <= plan.ranges.length) return { ...plan, ranges: plan.ranges.slice(0, Math.ceil(total / 2)), more: true }
  const share = Math.min(0.5, rowsHeld / total)
  const ranges = plan.ranges.map((range) => {
    const span = Math.max(1, Math.floor(Number(range.upper - range.from) * share))
    return { ...range, upper: position(range.from + BigInt(span)) }
  })
  return { ...plan, ranges, more: true }
}

function lanesOf(plan: LanePlan, chunks: readonly ResultChunk[], definitions: readonly ColumnDefinition[]): LaneRows[] {
  const count = chunks.reduce((sum, chunk) => sum + chunk.count, 0)
  const columns = new Map<string, RowColumn>(
    definitions.map((definition) => [definition.name, readColumn(chunks, count, definition)]),
  )
  const ranks = new Int32Array(count)
  const offsets = new BigInt64Array(count)
  let at = 0
  for (const chunk of chunks) {
    ranks.set(columnOf(chunk, 'lane_rank', 'INTEGER').data, at)
    offsets.set(columnOf(chunk, 'lane_offset', 'BIGINT').data, at)
    at += chunk.count
  }
  const rows = rowsByRank(ranks, plan.ranges.length)
  return plan.ranges.map((range, rank) => ({
    key: range.key,
    from: range.from,
    upper: range.upper,
    columns,
    offsets,
    rows: rows[rank] as Uint32Array,
  }))
}

/** The indices of each rank's rows; within a lane they are in order. */
function rowsByRank(ranks: Int32Array, count: number): Uint32Array[] {
  const counts = new Uint32Array(count)
  for (let i = 0; i < ranks.length; i++) {
    const rank = ranks[i] as number
    counts[rank] = (counts[rank] as number) + 1
  }
  const rows = Array.from(counts, (n) => new Uint32Array(n))
  counts.fill(0)
  for (let i = 0; i < ranks.length; i++) {
    const rank = ranks[i] as number
    const at = counts[rank] as number
    ;(rows[rank] as Uint32Array)[at] = i
    counts[rank] = at + 1
  }
  return rows
}
