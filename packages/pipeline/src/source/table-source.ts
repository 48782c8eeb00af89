import { AssayError, type Lane, type LaneKey, type Position, parseLaneKey, position, START } from '@assay/core'
import type { Session } from '@assay/engine'
import { quoteIdentifier, quoteText } from '@assay/engine'
import type { Checkpoint } from '../checkpoint/checkpoint.js'
import type { HandOver } from '../hand-over/hand-over.js'
import type { LaneRows } from '../hand-over/lane-rows.js'
import type { TableDefinition } from '../table/definition.js'
import type { RowBounds } from '../table/file-statistics.js'
import type { PinnedTable, UpstreamTable } from '../table/lake-table.js'
import { isReplayLane, laneSql } from '../table/replay-lane.js'
import { pinTrusted } from '../table/rollback.js'
import { type ScanFile, scanSql } from '../table/scan.js'
import { type LanePlan, type LaneRange, planLanes } from './lane-plan.js'
import { type LaneRead, readLanes } from './read-lanes.js'
import { withTrustedSequences } from './trusted-sequence.js'

/** A batch of an upstream table: what to take and the query that gives it. */
export interface TableBatch {
  readonly pinned: PinnedTable
  readonly plan: LanePlan
  /** Reads the rows of the plan, or of as much of it as the limit of bytes allows. */
  readonly read: () => Promise<LaneRead>
}

interface TableBatchOptions {
  readonly maxRows: number
  /** Greatest number of bytes of texts and byte strings that are read from files. */
  readonly maxBytes: number
  /** Names of the columns to read. */
  readonly columns: readonly string[]
  readonly handOver?: HandOver | undefined
  /** Rotates the order of lanes from batch to batch. */
  readonly turn: number
  /** Take an upstream table with another uuid for the old one, by positions. */
  readonly adopt: boolean
  /** Lanes to read; all if not given. */
  readonly owns?: LaneFilter
}

/**
 * Pins upstream's current snapshot and plans the next batch on it. Throws `upstream_replaced`, `upstream_behind` or
 * `lane_ahead_of_upstream` rather than guess, and `table_rolled_back` when rows that upstream's checkpoint speaks of are not there.
 */
export async function planTableBatch(
  session: Session,
  upstream: UpstreamTable,
  own: Checkpoint,
  options: TableBatchOptions,
): Promise<TableBatch> {
  const { maxRows, turn, adopt, owns } = options
  const pinned = await pinTrusted(upstream, session)
  const adopted = adoptUpstream(upstream, pinned, own, adopt)
  if (!adopt) checkNotBehind(upstream, pinned, adopted)
  const trusted = withTrustedSequences(upstream.definition, pinned, adopted)
  const plan = planLanes(owns ? ownedBy(pinned.checkpoint, owns) : pinned.checkpoint, trusted, maxRows, turn)
  return { pinned, plan, read: () => readBatch(session, upstream, pinned, plan, options) }
}

/** What the layer above handed over is taken from memory; the rest is read from files. */
async function readBatch(
  session: Session,
  upstream: UpstreamTable,
  pinned: PinnedTable,
  plan: LanePlan,
  { maxBytes, columns, handOver }: TableBatchOptions,
): Promise<LaneRead> {
  const { definition } = upstream
  const inMemory = new Map<LaneKey, readonly LaneRows[]>()
  let left_bytes = maxBytes
  for (const range of plan.ranges) {
    const found = handOver?.find(definition.name, pinned.version.metadata, range) ?? []
    if (found.length === 0) continue
    const taken: LaneRows[] = []
    for (const piece of found) {
      left_bytes -= spanBytes(piece, columns)
      // A piece goes whole, as it was committed; the first does whatever it holds.
      if (left_bytes < 0 && (taken.length > 0 || inMemory.size > 0)) break
      taken.push(piece)
    }
    inMemory.set(range.key, taken)
  }
  const wanted = { ...plan, ranges: plan.ranges.filter(({ key }) => !inMemory.has(key)) }
  const fromFiles = await readFiles(session, upstream, pinned, wanted, { maxBytes, columns })
  return united(plan, inMemory, fromFiles)
}

/** Bytes of the rows' texts and byte strings in these columns. */
function spanBytes({ columns, rows }: LaneRows, names: readonly string[]): number {
  let bytes = 0
  for (const name of names) {
    const column = columns.get(name)
    if (!column || !('source' in column)) continue
    const { starts, ends } = column
    for (let i = 0; i < rows.length; i++)
      bytes += (ends[rows[i] as number] as number) - (starts[rows[i] as number] as number)
  }
  return bytes
}

async function readFiles(
  session: Session,
  upstream: UpstreamTable,
  pinned: PinnedTable,
  plan: LanePlan,
  { maxBytes, columns }: Pick<TableBatchOptions, 'maxBytes' | 'columns'>,
): Promise<LaneRead> {
  if (plan.ranges.length === 0) return { plan, lanes: [] }
  const { definition } = upstream
  const files = await filesOf(upstream, pinned, plan)
  const wanted = definition.columns.filter(({ name }) => columns.includes(name))
  const read = await readLanes(session, wanted, plan, (chosen) => rangeSql(definition, files, chosen), maxBytes)
  return overHoles(session, upstream, pinned, read)
}

/**
 * Lanes of which a whole range held no row are taken up to their next one: a share is counted in offsets, and a hole of
 * millions, as a damaged log can leave, would be stepped over in as many commits.
 */
async function overHoles(
  session: Session,
  upstream: UpstreamTable,
  pinned: PinnedTable,
  read: LaneRead,
): Promise<LaneRead> {
  const uppers = new Map<LaneKey, Position>()
  for (const { key, rows, upper } of read.lanes) {
    const range = read.plan.ranges.find((one) => one.key === key)
    if (rows.length > 0 || range === undefined || upper >= range.upstream) continue
    uppers.set(key, await nextRow(session, upstream, pinned, { ...read.plan, ranges: [{ ...range, from: upper }] }))
  }
  if (uppers.size === 0) return read
  const moved = <T extends { readonly key: LaneKey; readonly upper: Position }>(one: T): T => ({
    ...one,
    upper: uppers.get(one.key) ?? one.upper,
  })
  const ranges = read.plan.ranges.map(moved)
  return { plan: { ...read.plan, ranges }, lanes: read.lanes.map(moved) }
}

/** Offset of the plan's only lane's first row at or behind `from`, or upstream's position where there is none. */
async function nextRow(
  session: Session,
  upstream: UpstreamTable,
  pinned: PinnedTable,
  plan: LanePlan,
): Promise<Position> {
  const rest = { ...plan, ranges: plan.ranges.map((range) => ({ ...range, upper: range.upstream })) }
  const files = await filesOf(upstream, pinned, rest)
  const rows = `SELECT min(lane_offset) AS first FROM (${rangeSql(upstream.definition, files, rest)})`
  const [found] = await session.rows(rows)
  const first = found?.first
  return typeof first === 'bigint' ? position(first) : (rest.ranges[0] as LaneRange).upstream
}

/** One read of both: each range up to where its rows were had. */
function united(plan: LanePlan, inMemory: ReadonlyMap<LaneKey, readonly LaneRows[]>, fromFiles: LaneRead): LaneRead {
  const ranges: LaneRange[] = []
  const lanes: LaneRows[] = []
  for (const range of plan.ranges) {
    const found = inMemory.get(range.key) ?? fromFiles.lanes.filter(({ key }) => key === range.key)
    const upper = found.at(-1)?.upper
    if (upper === undefined) continue
    ranges.push({ ...range, upper })
    lanes.push(...found)
  }
  const isCut = ranges.length < plan.ranges.length || ranges.some(({ upper }, i) => upper !== plan.ranges[i]?.upper)
  return { plan: { ...plan, ranges, more: plan.more || isCut }, lanes }
}

/** Which of upstream's lanes a worker takes; `upstream` is the checkpoint that names them. */
export type LaneFilter = (lane: Lane, upstream: Checkpoint) => boolean

/** The checkpoint as far as it speaks of lanes that the filter keeps. */
export function ownedBy(upstream: Checkpoint, owns: LaneFilter): Checkpoint {
  return { ...upstream, lanes: new Map([...upstream.lanes].filter(([key]) => owns(parseLaneKey(key), upstream))) }
}

/** True when upstream's checkpoint stands beyond ours in any lane. */
export async function hasBacklog(upstream: UpstreamTable, own: Checkpoint): Promise<boolean> {
  const { checkpoint } = await upstream.pin()
  return [...checkpoint.lanes].some(([key, theirs]) => theirs.position !== (own.lanes.get(key)?.position ?? START))
}

/** The checkpoint as far as it speaks of this upstream table: after an adoption, sequences start again. */
function adoptUpstream(upstream: UpstreamTable, pinned: PinnedTable, own: Checkpoint, adopt: boolean): Checkpoint {
  const { name } = upstream.definition
  const known = own.sources[name]
  const isSame = known === undefined || known === pinned.uuid
  if (isSame && !(adopt && isAhead(pinned, own))) return own
  if (!adopt) {
    throw new AssayError(
      'upstream_replaced',
      `${name} is not the table that was read before: its uuid is ${pinned.uuid}, the checkpoint knows ${known}`,
      { hint: 'if the new table holds the same lanes, start once with --adopt to go on by positions' },
    )
  }
  return { ...own, lanes: new Map([...own.lanes].map(([key, lane]) => [key, { ...lane, sequence: 0 }])) }
}

/** True when a lane's sequence is one that upstream has not reached. */
function isAhead({ checkpoint, sequence }: PinnedTable, own: Checkpoint): boolean {
  return [...checkpoint.lanes.keys()].some((key) => (own.lanes.get(key)?.sequence ?? 0) > sequence)
}

function checkNotBehind(upstream: UpstreamTable, pinned: PinnedTable, own: Checkpoint): void {
  for (const [key, theirs] of pinned.checkpoint.lanes) {
    const mine = own.lanes.get(key)
    if (mine && mine.position > theirs.position) {
      throw new AssayError(
        'upstream_behind',
        `${upstream.definition.name} stands at ${theirs.position} in ${key}, behind the ${mine.position} taken from it`,
        {
          hint: 'the upstream table was rolled back or restored; bring it forward again, or rebuild the downstream tables',
        },
      )
    }
  }
}

async function filesOf(upstream: UpstreamTable, pinned: PinnedTable, plan: LanePlan): Promise<ScanFile[]> {
  const { definition } = upstream
  const { partition, offset } = coordinatesOf(definition)
  const owns = (bounds: RowBounds, { lane, from, upper }: LaneRange): boolean => {
    if (isReplayLane(lane)) {
      const { sequence } = replayOf(definition)
      return bounds.hasValues(sequence) && bounds.meets(sequence, from, upper - 1n)
    }
    return bounds.meets(partition, lane.partition, lane.partition) && bounds.meets(offset, from, upper - 1n)
  }
  return upstream.files(pinned, {
    afterFileSequence: plan.afterSequence,
    keep: (bounds) => plan.ranges.some((range) => owns(bounds, range)),
  })
}

function coordinatesOf(table: TableDefinition): NonNullable<TableDefinition['coordinates']> {
  if (!table.coordinates) throw new RangeError(`${table.name} has no lanes`)
  return table.coordinates
}

/** A disjunction rather than a join: batches have few lanes, and ranges reach the files' statistics. */
function rangeSql(table: TableDefinition, files: readonly ScanFile[], plan: LanePlan): string {
  const offset = quoteIdentifier(coordinatesOf(table).offset)
  const hasReplays = plan.ranges.some(({ lane }) => isReplayLane(lane))
  const lanes = plan.ranges.map(
    (range) => `(${ofLane(table, range.lane)} AND ${within(table, range.lane, range.from, range.upper)})`,
  )
  // One plain range beside the disjunction is what the reader of the files understands best.
  const low = minimum(plan.ranges.map((range) => range.from))
  const high = maximum(plan.ranges.map((range) => range.upper))
  const bounds = hasReplays ? '' : `${offset} >= ${low} AND ${offset} < ${high} AND`
  return `SELECT ${rankSql(table, plan)}::INTEGER AS lane_rank, ${hasReplays ? laneSql(table).offset : offset} AS lane_offset, *
    FROM (${scanSql(table, files)}) WHERE ${bounds} (${lanes.join(' OR ')})`
}

function within(table: TableDefinition, lane: Lane, from: bigint, upper: bigint): string {
  const column = quoteIdentifier(isReplayLane(lane) ? replayOf(table).sequence : coordinatesOf(table).offset)
  return `${column} >= ${from} AND ${column} < ${upper}`
}

/** The columns of the table's lane of replays. */
function replayOf(table: TableDefinition): { readonly id: string; readonly sequence: string } {
  const { replay } = coordinatesOf(table)
  if (!replay?.sequence) throw new RangeError(`${table.name} does not say where in the lane of replays its rows lie`)
  return { id: replay.id, sequence: replay.sequence }
}

/** SQL that is true of a lane's rows. */
function ofLane(table: TableDefinition, lane: Lane): string {
  const { topic, partition, replay } = coordinatesOf(table)
  if (isReplayLane(lane)) {
    const isReplay = `${quoteIdentifier(replayOf(table).id)} IS NOT NULL`
    return replay?.topic ? `${isReplay} AND ${replay.topic} = ${quoteText(lane.topic)}` : isReplay
  }
  const ordinary = replay ? ` AND ${quoteIdentifier(replay.id)} IS NULL` : ''
  return `${quoteIdentifier(partition)} = ${lane.partition} AND ${quoteIdentifier(topic)} = ${quoteText(lane.topic)}${ordinary}`
}

function rankSql(table: TableDefinition, { ranges }: LanePlan): string {
  if (ranges.length === 1) return '0'
  const oneTopic = ranges.every(({ lane }) => lane.topic === ranges[0]?.lane.topic)
  const partition = quoteIdentifier(coordinatesOf(table).partition)
  const branches = ranges.map(
    ({ lane }, rank) => `WHEN ${oneTopic ? `${partition} = ${lane.partition}` : ofLane(table, lane)} THEN ${rank}`,
  )
  return `CASE ${branches.join(' ')} END`
}

function minimum(values: readonly bigint[]): bigint {
  return values.reduce((least, value) => {
    if (value < least) return value
    return least
  })
}

function maximum(values: readonly bigint[]): bigint {
  return -minimum(values.map((value) => -value))
}
