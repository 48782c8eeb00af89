import { type LaneKey, type Position, START } from '@assay/core'
import { isUnreadable, type LaneStatus } from '@assay/event-log'
import type { Exchange } from '@assay/exchanges'
import { currentSnapshot, planFiles } from '@assay/iceberg'
import { bronzeTable, DLQ_ARCHIVE_TABLE, DLQ_TABLE, GOLD_TABLE, silverTable } from '@assay/medallion'
import { type Checkpoint, type LaneStop, replayLane, type TableDefinition } from '@assay/pipeline'
import type { Lake } from '../lake.js'
import { type ExistingTable, ofTable, pinExisting, type TableProblem } from '../loaded-tables.js'
import type { Layer } from '../run-workers.js'
import { isSuperseded, logLanesOf } from './log-lanes.js'
import { arrivalInTable, type PinnedUpstream } from './table-arrivals.js'

/** A record whose own time is older was loaded: that time says nothing of its arrival. */
const HISTORY_AFTER_MS = 86_400_000

/** How far one table has come in one lane. */
export interface LaneProgress {
  readonly layer: Layer
  readonly table: string
  readonly lane: LaneKey
  readonly position: Position
  /** Where upstream (the log, or the table above) stands. */
  readonly end: Position
  /** Offsets that are there to be read; holes count too. */
  readonly lag_rows: bigint
  /**
   * How long the oldest record that waits has been there to be read; 0 without a lag. Counted from its arrival (in the
   * log, or in the table above), not from the time of its event. Null where nothing tells when it came.
   */
  readonly lag_seconds: number | null
  /** Greatest event time of valid rows, µs (silver). */
  readonly watermark_us: bigint | null
  readonly last_commit_ms: number | null
}

/** A lane that waits for an operator's word. */
export interface StoppedLane {
  readonly table: string
  readonly lane: LaneKey
  readonly reason: LaneStop['reason']
  readonly from: Position
  readonly to: Position
  /** The command that lets it go on. */
  readonly next_step: string
}

/** What became of records when they were judged first, whether they were replayed later or not. */
export interface DeadLetterRate {
  readonly exchange: string
  readonly judged: number
  /** Dead letters, the archived ones included; those that were purged from the archive are forgotten. */
  readonly rejected: number
  /** 0 … 1; null before anything was judged. */
  readonly rate: number | null
}

export interface StatusReport {
  readonly lanes: readonly LaneProgress[]
  readonly stops: readonly StoppedLane[]
  readonly dead_letters: readonly DeadLetterRate[]
  /** Tables that nothing can be told of; lanes that they have a part in are left out. */
  readonly unusable: readonly TableProblem[]
}

interface TableState {
  readonly checkpoint: Checkpoint
  readonly rows: number
  readonly last_commit_ms: number | null
  /** Undefined for a table that no worker has made yet. */
  readonly existing: ExistingTable | undefined
}

interface States {
  /** Undefined for a table that can't be used. */
  stateOf(definition: TableDefinition): Promise<TableState | undefined>
  readonly unusable: Map<string, TableProblem>
}

/** Where every lane stands in every layer, from the log's ends and the tables' metadata. */
export async function statusReport(lake: Lake): Promise<StatusReport> {
  const states = statesOf(lake)
  const gold = await states.stateOf(GOLD_TABLE)
  const lanes: LaneProgress[] = []
  const stops: StoppedLane[] = []
  const dead_letters: DeadLetterRate[] = []
  const rejected = await rejectedBySource(lake, states)
  for (const exchange of lake.exchanges) {
    const bronze = await states.stateOf(bronzeTable(exchange.name))
    const silver = await states.stateOf(silverTable(exchange.name))
    if (bronze) lanes.push(...(await bronzeLanes(lake, exchange, bronze)))
    if (bronze && silver) {
      const own = { layer: 'silver' as const, table: silverTable(exchange.name).name }
      lanes.push(...(await layerLanes(lake, own, upstreamOf(bronze, 'ingestion_timestamp'), silver)))
    }
    if (silver && gold) {
      const own = { layer: 'gold' as const, table: GOLD_TABLE.name }
      lanes.push(...(await layerLanes(lake, own, upstreamOf(silver, 'validation_timestamp'), gold)))
    }
    if (bronze) stops.push(...(await stopsOf(lake, exchange, bronze.checkpoint)))
    const letters = rejected && (rejected.get(bronzeTable(exchange.name).name) ?? 0)
    if (silver && letters !== undefined) dead_letters.push(rateOf(exchange, silver, letters))
  }
  return { lanes, stops, dead_letters, unusable: [...states.unusable.values()] }
}

function statesOf(lake: Lake): States {
  const unusable = new Map<string, TableProblem>()
  return {
    unusable,
    async stateOf(definition) {
      const state = await ofTable(definition, () => stateOf(lake, definition))
      if ('value' in state) return state.value
      unusable.set(definition.name, state.problem)
      return undefined
    },
  }
}

const NO_STATE: TableState = {
  checkpoint: { sources: {}, topics: {}, lanes: new Map() },
  rows: 0,
  last_commit_ms: null,
  existing: undefined,
}

async function stateOf(lake: Lake, definition: TableDefinition): Promise<TableState> {
  const existing = await pinExisting(lake, definition)
  if (!existing) return NO_STATE
  const { version, checkpoint } = existing.pinned
  const snapshot = currentSnapshot(version.metadata)
  return {
    checkpoint,
    rows: Number(snapshot?.summary['total-records'] ?? 0),
    last_commit_ms: snapshot?.timestamp_ms ?? null,
    existing,
  }
}

async function bronzeLanes(lake: Lake, exchange: Exchange, bronze: TableState): Promise<LaneProgress[]> {
  const statuses = await lake.log.lanes(exchange.topic)
  lake.arrivals.note(statuses)
  const lanes = logLanesOf(statuses, bronze.checkpoint)
  return Promise.all(
    lanes.map(async ({ lane, status }) => {
      const own = bronze.checkpoint.lanes.get(lane)
      const at = own?.position ?? START
      const unread = unreadOf(status, at, own?.stop)
      return {
        layer: 'bronze' as const,
        table: bronzeTable(exchange.name).name,
        lane,
        position: at,
        end: status.end,
        lag_rows: unread.rows,
        lag_seconds: unread.rows === 0n ? 0 : await ageInLog(lake, status, unread.from),
        watermark_us: null,
        last_commit_ms: bronze.last_commit_ms,
      }
    }),
  )
}

/** A topic that was made again is unread from its start, whatever the position in the one before. */
function unreadOf(status: LaneStatus, at: Position, stop: LaneStop | undefined): { from: Position; rows: bigint } {
  const isBeforeStart = stop?.reason === 'topic_recreated' || at < status.start
  const from = isBeforeStart ? status.start : at
  return { from, rows: status.end > from ? status.end - from : 0n }
}

/**
 * Seconds since a record came into the log; null where nothing tells when that was. What was there before this process
 * looked is dated by the log, or else by the record's own time, unless it is that of loaded history.
 */
async function ageInLog(lake: Lake, status: LaneStatus, from: Position): Promise<number | null> {
  const seen = lake.arrivals.arrivalOf(status, from)
  if (seen?.isExact) return ageOf(lake, seen.at_ms)
  const earliest_ms = (await lake.log.earliestArrival_ms?.(status.lane, from)) ?? Number.NEGATIVE_INFINITY
  const own_ms = await timestampOf(lake, status, from)
  const at_ms = Math.max(earliest_ms, own_ms ?? Number.NEGATIVE_INFINITY)
  const isHistory = lake.clock.now_ms() - at_ms > HISTORY_AFTER_MS && at_ms !== earliest_ms
  if (Number.isFinite(at_ms) && !isHistory) return ageOf(lake, Math.min(at_ms, seen?.at_ms ?? at_ms))
  return seen ? ageOf(lake, seen.at_ms) : null
}

async function timestampOf(lake: Lake, { lane }: LaneStatus, from: Position): Promise<number | undefined> {
  const read = await lake.log.read(lane, from, { maxRecords: 1, maxBytes: 1 }).catch((error: unknown) => {
    if (isUnreadable(error)) return undefined
    throw error
  })
  if (!read) return undefined
  const timestamp_ms = read.kind === 'records' ? read.batches[0]?.timestamps_ms[0] : undefined
  return timestamp_ms === undefined || timestamp_ms < 0n ? undefined : Number(timestamp_ms)
}

function ageOf({ clock }: Lake, at_ms: number): number {
  return Math.max(0, (clock.now_ms() - at_ms) / 1000)
}

function upstreamOf({ checkpoint, existing }: TableState, writtenAt: string): LayerUpstream {
  return { checkpoint, ...(existing && { pinned: { ...existing, writtenAt } }) }
}

interface LayerUpstream {
  readonly checkpoint: Checkpoint
  readonly pinned?: PinnedUpstream
}

function layerLanes(
  lake: Lake,
  own: Pick<LaneProgress, 'layer' | 'table'>,
  upstream: LayerUpstream,
  { checkpoint, last_commit_ms }: TableState,
): Promise<LaneProgress[]> {
  return Promise.all(
    [...upstream.checkpoint.lanes].sort().map(async ([lane, { position: end }]) => {
      const state = checkpoint.lanes.get(lane)
      const at = state?.position ?? START
      const arrived_ms = end > at && upstream.pinned ? await arrivalInTable(lake, upstream.pinned, lane, at) : undefined
      return {
        ...own,
        lane,
        position: at,
        end,
        lag_rows: end - at,
        lag_seconds: end <= at ? 0 : arrived_ms === undefined || arrived_ms === null ? null : ageOf(lake, arrived_ms),
        watermark_us: state?.greatest_us ?? null,
        last_commit_ms,
      }
    }),
  )
}

/**
 * Dead letters by bronze table: their tables are partitioned by it, so manifests suffice. Undefined when one of them
 * can't be used.
 */
async function rejectedBySource(lake: Lake, states: States): Promise<Map<string, number> | undefined> {
  const counts = new Map<string, number>()
  for (const definition of [DLQ_TABLE, DLQ_ARCHIVE_TABLE]) {
    const counted = await ofTable(definition, async () => {
      const existing = await pinExisting(lake, definition)
      if (!existing) return
      const { table, pinned } = existing
      for (const planned of await planFiles(table.table, pinned.version)) {
        const source = String(table.partitionOf(pinned.version, planned)?.bronze_source)
        counts.set(source, (counts.get(source) ?? 0) + planned.file.recordCount)
      }
    })
    if ('value' in counted) continue
    states.unusable.set(definition.name, counted.problem)
    return undefined
  }
  return counts
}

/** A replayed row was counted when its letter was written. */
function rateOf(exchange: Exchange, silver: TableState, rejected: number): DeadLetterRate {
  const replayed = silver.checkpoint.lanes.get(replayLane(silverTable(exchange.name)))?.position ?? START
  const judged = silver.rows - Number(replayed) + rejected
  return { exchange: exchange.name, judged, rejected, rate: judged === 0 ? null : rejected / judged }
}

/** Lanes that bronze can't read on in, and those that the log takes no more records for. */
async function stopsOf(lake: Lake, exchange: Exchange, bronze: Checkpoint): Promise<StoppedLane[]> {
  const { name: table } = bronzeTable(exchange.name)
  const told = (lane: LaneKey, stop: LaneStop): StoppedLane => {
    const resume = resumeAt(stop)
    const next_step =
      resume === undefined
        ? 'a newer version of Assay stopped this lane: upgrade this one to see what to do'
        : `assay gaps accept ${lane} --to ${resume} --note "why"`
    return { table, lane, reason: stop.reason, from: stop.from, to: stop.to, next_step }
  }
  const read = [...bronze.lanes].flatMap(([lane, { stop }]) =>
    stop && !isSuperseded(lane, bronze) ? [told(lane, stop)] : [],
  )
  const written = logLanesOf(await lake.log.lanes(exchange.topic), bronze).flatMap(({ lane, status: { lost } }) =>
    lost && !bronze.lanes.get(lane)?.stop ? [told(lane, { reason: 'log_damaged', ...lost })] : [],
  )
  return [...read, ...written]
}

/** The first offset that can be read again; undefined for a reason that only a newer version knows. */
export function resumeAt(stop: LaneStop): Position | undefined {
  switch (stop.reason) {
    case 'records_lost':
    case 'records_unreadable':
    case 'log_damaged':
      return stop.to
    case 'log_truncated':
      return stop.from
    case 'topic_recreated':
      return START
    default:
      return undefined
  }
}
