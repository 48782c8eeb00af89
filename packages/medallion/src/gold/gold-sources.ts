import { type LaneKey, parseLaneKey } from '@assay/core'
import { firstRowsOf, type TradeRows, tradeRows } from '@assay/deduplication'
import {
  type Checkpoint,
  CLOCK_JUMP_MS,
  clockMembers,
  cutLanes,
  cutToPartitions,
  hasBacklog,
  isReplayLane,
  type LaneCheckpoint,
  type LaneClockState,
  type LanePlan,
  type LaneRows,
  lanesAfter,
  observeTimes,
  planTableBatch,
  readClock,
  type StageContext,
  type TableBatch,
  type UpstreamTable,
} from '@assay/pipeline'
import { SILVER_COLUMNS } from './write-gold.js'

/** What a batch takes of one silver table. */
interface SourceBatch {
  readonly name: string
  readonly pinned: TableBatch['pinned']
  readonly plan: LanePlan
}

interface SourceRead extends SourceBatch {
  readonly lanes: readonly LaneRows[]
}

interface ReadOptions {
  readonly silvers: readonly UpstreamTable[]
  readonly adopt: boolean
  /** Counts the batches. */
  readonly turn: number
}

/**
 * The next batch: of each silver table that has something new, the row limit shared among them; each lane cut at its
 * first row outside of the hours that a batch may write.
 */
export async function readSources(
  context: StageContext,
  checkpoint: Checkpoint,
  options: ReadOptions,
): Promise<{ readonly sources: readonly SourceBatch[]; readonly rows: TradeRows }> {
  const sources = await planAndRead(context, checkpoint, options)
  const rows = tradeRows(sources.flatMap(({ lanes }) => lanes))
  return cutToHours(sources, rows, context.limits.maxPartitions, options.turn)
}

async function planAndRead(
  { session, limits, handOver }: StageContext,
  checkpoint: Checkpoint,
  { silvers, adopt, turn }: ReadOptions,
): Promise<SourceRead[]> {
  const waiting: UpstreamTable[] = []
  for (const silver of silvers) if (await hasBacklog(silver, checkpoint)) waiting.push(silver)
  const share = (limit: number): number => Math.max(1, Math.floor(limit / Math.max(1, waiting.length)))
  const sources: SourceRead[] = []
  for (const silver of waiting) {
    const batch = await planTableBatch(session, silver, checkpoint, {
      maxRows: share(limits.maxRows),
      maxBytes: share(limits.maxBytes),
      columns: SILVER_COLUMNS,
      handOver,
      // A batch begins with the lane of rank 0 of each source in turn: each lane of each source comes to be that one.
      turn: Math.floor(turn / waiting.length),
      adopt,
    })
    if (batch.plan.ranges.length === 0) continue
    sources.push({ name: silver.definition.name, pinned: batch.pinned, ...(await batch.read()) })
  }
  return sources
}

function cutToHours(
  sources: readonly SourceRead[],
  rows: TradeRows,
  maxHours: number,
  turn: number,
): { readonly sources: readonly SourceBatch[]; readonly rows: TradeRows } {
  if (!hasMoreHours(rows.hours, maxHours)) return { sources, rows }
  const lanes = lanesOf(rows)
  const firstOf = sources[turn % sources.length]?.plan.ranges[0]?.key
  const first = Math.max(
    0,
    lanes.findIndex(({ key }) => key === firstOf),
  )
  const { counts } = cutToPartitions(
    lanes.map(({ hours }) => hours),
    maxHours,
    first,
  )
  const uppers = new Map<LaneKey, bigint>()
  for (const [i, { key, offsetAt }] of lanes.entries()) {
    const upper = offsetAt(counts[i] as number)
    if (upper !== undefined) uppers.set(key, upper)
  }
  return {
    sources: sources.map((source) => ({
      ...source,
      plan: cutLanes(
        source.plan,
        source.plan.ranges.map(({ key }) => uppers.get(key)),
      ),
    })),
    rows: firstRowsOf(rows, new Map(lanes.map(({ key }, i) => [key, counts[i] as number]))),
  }
}

function hasMoreHours(hours: Int32Array, most: number): boolean {
  const found = new Set<number>()
  let last: number | undefined
  for (let i = 0; i < hours.length; i++) {
    const hour = hours[i] as number
    if (hour === last) continue
    last = hour
    found.add(hour)
    if (found.size > most) return true
  }
  return false
}

interface LaneHours {
  readonly key: LaneKey
  readonly hours: Int32Array
  /** Offset in the lane of its row of that number; undefined behind the last. */
  readonly offsetAt: (row: number) => bigint | undefined
}

/** The lanes that have rows. A lane's pieces are one behind the other. */
function lanesOf({ pieces, hours }: TradeRows): LaneHours[] {
  const lanes: LaneHours[] = []
  for (let from = 0; from < pieces.length; ) {
    const { key, first } = pieces[from] as TradeRows['pieces'][number]
    let to = from
    let count = 0
    for (; to < pieces.length && pieces[to]?.key === key; to++) count += pieces[to]?.rows.length ?? 0
    const own = pieces.slice(from, to)
    const offsetAt = (row: number): bigint | undefined => {
      const piece = own.find((one) => row < one.first - first + one.rows.length)
      return piece?.offsets[piece.rows[row - (piece.first - first)] as number]
    }
    lanes.push({ key, hours: hours.subarray(first, first + count), offsetAt })
    from = to
  }
  return lanes
}

/** Where the lanes of the sources stand after the batch; `written` has the offset of each lane's last new row. */
export function lanesAfterBatch(
  sources: readonly SourceBatch[],
  rows: TradeRows,
  checkpoint: Checkpoint,
  written: ReadonlyMap<LaneKey, bigint>,
): Map<LaneKey, LaneCheckpoint> {
  const clocks = clocksAfter(rows, checkpoint)
  return new Map(
    sources.flatMap(({ plan, pinned }) => [
      ...lanesAfter(plan, checkpoint, pinned.sequence, (key) => {
        const offset = written.get(key)
        const clock = clocks.get(key)
        return { ...(offset !== undefined && { written: offset }), ...(clock && { state: clockMembers(clock) }) }
      }),
    ]),
  )
}

/** Clocks of lanes over all rows read, duplicates included; lanes of replays have none. */
function clocksAfter({ pieces }: TradeRows, { lanes }: Checkpoint): Map<LaneKey, LaneClockState> {
  const clocks = new Map<LaneKey, LaneClockState>()
  for (const { key, block, rows } of pieces) {
    if (isReplayLane(parseLaneKey(key))) continue
    const { words } = block.times
    const times = new BigInt64Array(words.buffer, words.byteOffset, words.length / 2)
    const before = clocks.get(key) ?? readClock(lanes.get(key)?.state, "gold's state of a lane")
    clocks.set(key, observeTimes(before, times, rows, CLOCK_JUMP_MS * 1000))
  }
  return clocks
}
