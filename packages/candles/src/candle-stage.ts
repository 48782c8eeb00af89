import type { LaneKey } from '@assay/core'
import type { EventLog } from '@assay/event-log'
import type { Exchange } from '@assay/exchanges'
import {
  type Batch,
  type Checkpoint,
  CLOCK_JUMP_MS,
  clockMembers,
  type LakeTable,
  lanesAfter,
  observeTimes,
  type PinnedTable,
  planTableBatch,
  readClock,
  type Stage,
  type StageContext,
  type StageOutcome,
  type UpstreamTable,
} from '@assay/pipeline'
import { type LaneTrades, laneTrades, lateTrades, panesOf } from './batch-trades.js'
import { type Emission, emission } from './emission.js'
import type { HeartbeatSource } from './heard.js'
import { CANDLE_SOURCE } from './measures/trade-columns.js'
import { hasClock, Progress } from './progress.js'
import { type CandleState, candleState, readCandleState } from './tables/candle-state.js'
import { CANDLES_TABLE, LATE_TRADES_TABLE, REVISIONS_TABLE } from './tables/candle-tables.js'
import { WindowMemory } from './window-memory.js'

interface CandleInput {
  readonly gold: UpstreamTable
  readonly candles: LakeTable
  /** Asked where lanes end. */
  readonly log: Pick<EventLog, 'lanes'>
  readonly exchanges: readonly Exchange[]
  readonly heartbeats: HeartbeatSource
  /** Take a gold table with another uuid for the old one, by positions. */
  readonly adopt: boolean
  /** True once nothing more comes from the layers above; not given where there is no end. */
  readonly upstreamEnded?: () => boolean
  /** Watermarks by exchange that are not passed, and are reached once nothing more comes: those of a lake that is rebuilt. */
  readonly lastWatermarks?: ReadonlyMap<string, bigint>
}

/** For so long trades that close no window wait for a commit. */
const GATHER_MS = 10_000

/** How far gold was read, in memory beyond the checkpoint until there is something to say. */
interface Reading {
  /** Snapshot that the checkpoint it began with was committed with. */
  readonly snapshotId: bigint | undefined
  readonly lanes: Checkpoint['lanes']
  readonly state: CandleState
  readonly memory: WindowMemory
  /** Rows beyond the checkpoint. */
  readonly rows: number
  /** Gold's uuid by its name, once it was read. */
  readonly sources: Readonly<Record<string, string>>
}

interface Taken extends Pick<Reading, 'lanes' | 'state' | 'rows' | 'sources'> {
  readonly pinned: PinnedTable
  readonly trades: readonly LaneTrades[]
  readonly more: boolean
}

/** Candles of gold's trades: written when their window closes, and anew when a trade comes after that. */
export function candleStage(context: StageContext, input: CandleInput): Stage {
  const { clock } = context
  const progress = new Progress(input.log, input.exchanges, input.heartbeats)
  let reading: Reading | undefined
  let committed_ms = clock.monotonic_ms()
  let turn = 0
  const readingOf = (checkpoint: Checkpoint): Reading =>
    reading && reading.snapshotId === checkpoint.snapshot?.id ? reading : newReading(checkpoint)
  const isDue = (next: Reading, hasEnded: boolean): boolean =>
    next.rows > 0 && (hasEnded || clock.monotonic_ms() - committed_ms >= GATHER_MS)
  return {
    name: 'candles',
    main: CANDLES_TABLE,
    sides: [REVISIONS_TABLE, LATE_TRADES_TABLE],
    async run(checkpoint, signal): Promise<StageOutcome> {
      for (;;) {
        const before = readingOf(checkpoint)
        reading = before
        // Asked before the read: what was there to read then has been read after it.
        const hasEnded = input.upstreamEnded?.() ?? false
        await progress.look(clock.now_ms())
        const taken = await take(context, input, checkpoint, before, turn++)
        const { pinned, trades, more } = taken
        await before.memory.load(context.session, input, pinned, before)
        const isDrained = hasEnded && !more
        const reached = progress.watermarks(taken.lanes, taken.state, clock.now_ms(), isDrained)
        const watermarks = input.lastWatermarks ? upTo(input.lastWatermarks, reached, isDrained) : reached
        const next: Reading = {
          ...before,
          lanes: taken.lanes,
          state: { ...taken.state, watermarks },
          rows: before.rows + taken.rows,
          sources: taken.sources,
        }
        const staged = before.memory.staged(panesOf(trades), before.state.watermarks)
        const late = lateTrades(trades, before.memory.keys, before.state.watermarks)
        const written = await emission(context, input, { before, next, pinned, staged, late })
        if (written || isDue(next, hasEnded)) {
          return batchOf(checkpoint, next, written, more, (snapshotId) => {
            committed_ms = clock.monotonic_ms()
            before.memory.keep(staged, watermarks)
            reading = { ...next, snapshotId, rows: 0 }
          })
        }
        before.memory.keep(staged, watermarks)
        reading = next
        if (!more || signal.aborted) return { kind: 'idle' }
      }
    },
    forget: () => {
      reading = undefined
    },
    wait: (checkpoint, timeout_ms, signal) =>
      input.gold.waitForCommit({ ...checkpoint, lanes: readingOf(checkpoint).lanes }, timeout_ms, signal),
  }
}

function upTo(
  last: ReadonlyMap<string, bigint>,
  reached: ReadonlyMap<string, bigint>,
  isDrained: boolean,
): ReadonlyMap<string, bigint> {
  if (isDrained) return last
  return new Map(
    [...reached].flatMap(([exchange, us]) => {
      const limit = last.get(exchange)
      return limit === undefined ? [] : [[exchange, us < limit ? us : limit] as const]
    }),
  )
}

function newReading(checkpoint: Checkpoint): Reading {
  return {
    snapshotId: checkpoint.snapshot?.id,
    lanes: checkpoint.lanes,
    state: readCandleState(checkpoint),
    memory: new WindowMemory(),
    rows: 0,
    sources: checkpoint.sources,
  }
}

/** Takes gold's next rows behind what was read. */
async function take(
  { session, limits, handOver, clock }: StageContext,
  { gold, adopt }: CandleInput,
  checkpoint: Checkpoint,
  before: Reading,
  turn: number,
): Promise<Taken> {
  const own = { ...checkpoint, lanes: before.lanes, sources: before.sources }
  const options = { ...limits, columns: CANDLE_SOURCE, handOver, turn, adopt }
  const batch = await planTableBatch(session, gold, own, options)
  const { pinned } = batch
  const read = batch.plan.ranges.length > 0 ? await batch.read() : { plan: batch.plan, lanes: [] }
  const trades = laneTrades(read.lanes, before.memory.keys)
  const moved = lanesAfter(read.plan, own, pinned.sequence, (key) => {
    const isWhole = read.plan.ranges.some((range) => range.key === key && range.upper === range.upstream)
    return clockOf(own, trades, key, isWhole ? pinned.checkpoint : undefined)
  })
  return {
    pinned,
    trades,
    more: read.plan.more,
    lanes: new Map([...before.lanes, ...moved]),
    state: { ...before.state, taken_ms: takenTimes(before, trades, clock.now_ms()) },
    rows: read.plan.ranges.length > 0 ? Math.max(1, rowsIn(trades)) : 0,
    sources: { ...before.sources, [gold.definition.name]: pinned.uuid },
  }
}

function rowsIn(trades: readonly LaneTrades[]): number {
  return trades.reduce((sum, { lane }) => sum + lane.rows.length, 0)
}

/**
 * The clock of a lane after its rows; a lane of replays has none. Where the lane is read to gold's position, that is
 * gold's own: it has seen the duplicates, too, which may be all that a lane brings.
 */
function clockOf(
  { lanes }: Pick<Checkpoint, 'lanes'>,
  trades: readonly LaneTrades[],
  key: LaneKey,
  gold: Checkpoint | undefined,
) {
  if (!hasClock(key)) return {}
  const all = readClock(gold?.lanes.get(key)?.state, "gold's state of a lane")
  // Not known yet of a lane that a version before 0.2.0 has read.
  if (all.greatest_us !== undefined) return { state: clockMembers(all) }
  let clock = readClock(lanes.get(key)?.state, "the candles' state of a lane")
  for (const { lane, trades: columns } of trades) {
    if (lane.key === key) clock = observeTimes(clock, columns.times, lane.rows, CLOCK_JUMP_MS * 1000)
  }
  return { state: clockMembers(clock) }
}

/** When the last trade of each exchange was taken. */
function takenTimes({ state, memory }: Reading, trades: readonly LaneTrades[], now_ms: number): Map<string, number> {
  const taken = new Map(state.taken_ms)
  for (const { lane, trades: columns } of trades) {
    const [first] = lane.rows
    if (first !== undefined && hasClock(lane.key)) {
      taken.set(memory.keys.keyOf(columns.keyAt(first)).exchange, Math.round(now_ms))
    }
  }
  return taken
}

function batchOf(
  checkpoint: Checkpoint,
  next: Reading,
  written: Emission | undefined,
  more: boolean,
  committed: (snapshotId: bigint) => void,
): Batch {
  return {
    kind: 'batch',
    files: written?.files ?? [],
    sides: written?.sides ?? [],
    ...(written?.replaces && { replaces: written.replaces }),
    change: {
      basis: checkpoint,
      lanes: new Map([...next.lanes].filter(([key, lane]) => checkpoint.lanes.get(key) !== lane)),
      wholeCheckpoint: true,
      sources: next.sources,
      state: candleState(next.state),
    },
    rows: next.rows,
    more,
    counts: {
      records: next.rows,
      candles: written?.candles ?? 0,
      revisions: written?.revisions ?? 0,
      late: written?.late ?? 0,
    },
    committed: ({ id }) => committed(id),
  }
}
