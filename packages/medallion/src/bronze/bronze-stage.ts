import {
  type BytesColumn,
  type LaneKey,
  laneKey,
  numberAt,
  type Position,
  putNumber,
  type RowColumn,
  type RowColumns,
  type SpanColumn,
  START,
  wordsOf,
} from '@assay/core'
import { quoteText } from '@assay/engine'
import type { EventLog, LaneAssignment, LaneStatus } from '@assay/event-log'
import type { DataFile } from '@assay/iceberg'
import type {
  Checkpoint,
  LaneCheckpoint,
  LaneRows,
  LaneStop,
  SideFiles,
  Stage,
  StageContext,
  StageOutcome,
  TableDefinition,
} from '@assay/pipeline'
import {
  concatRecords,
  dateText,
  isUsableTimestamp,
  kafkaDay,
  type LogBatch,
  type LogLane,
  type LogLanes,
  matchLogLanes,
  type RecordColumns,
  readLog,
  timestampColumn,
  timestampLiteral,
} from '@assay/pipeline'
import { GAPS_TABLE } from './gaps.js'

interface BronzeInput {
  /** Name of the stage. */
  readonly name: string
  readonly main: TableDefinition
  readonly topic: string
  readonly log: EventLog
  readonly assignment: LaneAssignment
  /** Where a drain ends in each lane of the log; a lane that is not named is left alone. Without it nothing ends. */
  readonly until?: ReadonlyMap<LaneKey, Position>
  /** Called with the log's lanes whenever they are looked at. */
  readonly onLanes?: (statuses: readonly LaneStatus[]) => void
}

/** Milliseconds whose microseconds a double still holds exactly. */
const EXACT_MS_MAX = Math.floor(Number.MAX_SAFE_INTEGER / 1000)

/** Keeps the log's records as they are: never looks into a value (B1, B4). */
export function bronzeStage(context: StageContext, input: BronzeInput): Stage {
  const { name, main } = input
  let turn = 0
  return {
    name,
    main,
    sides: [GAPS_TABLE],
    async run(checkpoint): Promise<StageOutcome> {
      const matched = matchLogLanes(await ownLanes(input), checkpoint)
      const readable = rotate(
        matched.lanes.filter((lane) => isReadable(lane, input.until)),
        turn++,
      )
      const batch = await readLog(input.log, readable, context.limits)
      const stopped = [
        ...matched.lanes.filter((lane) => lane.stop && !checkpoint.lanes.get(lane.key)?.stop),
        ...stoppedLanes(readable, batch),
      ]
      if (batch.positions.size === 0 && stopped.length === 0) return { kind: 'idle' }
      const rows = concatRecords(batch.parts)
      const days = daysOf(rows)
      const columns = bronzeColumns(readable, rows, days, context.clock.now_ms())
      return {
        kind: 'batch',
        files: await writeRows(context, main, columns, days),
        sides: await writeGaps(context, stopped),
        change: {
          basis: checkpoint,
          lanes: lanesOf(checkpoint, readable, batch, rows, stopped),
          wholeCheckpoint: false,
          ...(Object.keys(matched.newTopics).length > 0 && { topics: matched.newTopics }),
        },
        rows: rows.count,
        more: batch.more,
        counts: { records: rows.count, bytes: rows.values.data.length },
        handOver: handOverOf(readable, batch, rows, columns),
        committed: () => input.assignment.report(positionsInLog(readable, batch)),
      }
    },
    forget: () => undefined,
    async wait(checkpoint, timeout_ms, signal) {
      const matched: LogLanes = matchLogLanes(await ownLanes(input), checkpoint)
      const positions = matched.lanes
        .filter((lane) => !lane.stop)
        .map((lane) => ({ lane: lane.status.lane, position: lane.position }))
      if (positions.length === 0) await context.clock.sleep(timeout_ms, signal)
      else await input.log.waitForRecords(positions, timeout_ms, signal)
    },
  }
}

async function ownLanes({ log, topic, assignment, onLanes }: BronzeInput): Promise<readonly LaneStatus[]> {
  const statuses = await log.lanes(topic)
  onLanes?.(statuses)
  return statuses.filter(({ lane }) => assignment.owns(lane))
}

/** Lanes that turned out, on reading, not to go on. */
function stoppedLanes(lanes: readonly LogLane[], { stops }: LogBatch): LogLane[] {
  return lanes.flatMap((lane) => {
    const stop = stops.get(lane.key)
    return stop ? [{ ...lane, stop }] : []
  })
}

function positionsInLog(lanes: readonly LogLane[], { positions }: LogBatch) {
  return lanes.flatMap(({ key, status }) => {
    const at = positions.get(key)
    return at ? [{ lane: status.lane, position: at.position }] : []
  })
}

function isReadable({ stop, status, position }: LogLane, until: BronzeInput['until']): boolean {
  const isDrained = until !== undefined && (until.get(laneKey(status.lane)) ?? START) <= position
  return !stop && status.end > position && !isDrained
}

function rotate<T>(items: readonly T[], by: number): T[] {
  const start = items.length === 0 ? 0 : by % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}

function lanesOf(
  checkpoint: Checkpoint,
  lanes: readonly LogLane[],
  batch: LogBatch,
  rows: RecordColumns,
  stopped: readonly LogLane[],
): Map<LaneKey, LaneCheckpoint> {
  const after = new Map<LaneKey, LaneCheckpoint>()
  for (const [key, next] of batch.positions) {
    after.set(key, { ...checkpoint.lanes.get(key), ...next, sequence: 0 })
  }
  for (let i = 0; i < rows.count; i++) {
    if (rows.lanes[i] === rows.lanes[i + 1]) continue
    const { key } = lanes[rows.lanes[i] as number] as LogLane
    after.set(key, { ...(after.get(key) as LaneCheckpoint), written: rows.offsets[i] as bigint })
  }
  for (const lane of stopped) {
    const own = checkpoint.lanes.get(lane.key)
    after.set(lane.key, { sequence: 0, ...own, position: lane.position, stop: lane.stop as LaneStop })
  }
  return after
}

/** A file for each day, in the order in which the records were read. */
async function writeRows(
  context: StageContext,
  main: TableDefinition,
  columns: RowColumns,
  days: Int32Array,
): Promise<DataFile[]> {
  const files: DataFile[] = []
  for (const [day, rows] of rowsByValue(days)) {
    const file = await context.write(main, [{ columns, rows }], { ingestion_date: dateText(day) })
    if (file) files.push(file)
  }
  return files
}

/** Indices of the rows of each value, ascending; values in the order in which they come. */
function rowsByValue(values: Int32Array): ReadonlyMap<number, Uint32Array> {
  const counts = new Map<number, number>()
  for (let i = 0; i < values.length; ) {
    const value = values[i] as number
    const start = i
    while (i < values.length && values[i] === value) i++
    counts.set(value, (counts.get(value) ?? 0) + i - start)
  }
  const rows = new Map([...counts].map(([value, count]) => [value, new Uint32Array(count)]))
  const filled = new Map<number, number>()
  for (let i = 0; i < values.length; ) {
    const value = values[i] as number
    const of = rows.get(value) as Uint32Array
    let at = filled.get(value) ?? 0
    for (; i < values.length && values[i] === value; i++) of[at++] = i
    filled.set(value, at)
  }
  return rows
}

function daysOf({ timestamps_ms, count }: RecordColumns): Int32Array {
  const words = wordsOf(timestamps_ms)
  const days = new Int32Array(count)
  for (let i = 0; i < count; i++) days[i] = kafkaDay(numberAt(words, i))
  return days
}

/** All columns of bronze. */
function bronzeColumns(lanes: readonly LogLane[], rows: RecordColumns, days: Int32Array, now_ms: number): RowColumns {
  const partitions = new Int32Array(rows.count)
  const timestamps_us = new BigInt64Array(rows.count)
  const timestampNulls = new Uint8Array(rows.count)
  const words = wordsOf(rows.timestamps_ms)
  const words_us = wordsOf(timestamps_us)
  for (let i = 0; i < rows.count; i++) {
    partitions[i] = (lanes[rows.lanes[i] as number] as LogLane).lane.partition
    const timestamp_ms = numberAt(words, i)
    if (!isUsableTimestamp(timestamp_ms)) timestampNulls[i] = 1
    else if (timestamp_ms <= EXACT_MS_MAX) putNumber(words_us, i, timestamp_ms * 1000)
    else timestamps_us[i] = (rows.timestamps_ms[i] as bigint) * 1000n
  }
  const topics = lanes.map((lane) => lane.lane.topic)
  return new Map<string, RowColumn>([
    ['raw_bytes', blob(rows.values, rows.count)],
    ['topic', { type: 'DICTIONARY', codes: rows.lanes, dictionary: topics }],
    ['partition', { type: 'INTEGER', data: partitions }],
    ['offset', { type: 'BIGINT', data: rows.offsets }],
    ['kafka_timestamp', { type: 'TIMESTAMPTZ', data: timestamps_us, nulls: timestampNulls }],
    ['ingestion_timestamp', timestampColumn(now_ms)],
    ['ingestion_date', { type: 'DATE', data: days }],
    ['key', blob(rows.keys, rows.count)],
    ['headers', blob(rows.headers, rows.count)],
  ])
}

/** The rows of each lane that was read, for the layer below. */
function handOverOf(
  lanes: readonly LogLane[],
  { positions }: LogBatch,
  rows: RecordColumns,
  columns: RowColumns,
): LaneRows[] {
  const byLane = rowsByValue(rows.lanes)
  return lanes.flatMap(({ key, position: from }, index) => {
    const upper = positions.get(key)?.position
    if (upper === undefined) return []
    return [{ key, from, upper, columns, offsets: rows.offsets, rows: byLane.get(index) ?? new Uint32Array() }]
  })
}

function blob(column: BytesColumn, count: number): SpanColumn {
  return {
    type: 'BLOB',
    source: column.data,
    starts: column.offsets.subarray(0, count),
    ends: column.offsets.subarray(1, count + 1),
    ...(column.nulls && { nulls: column.nulls }),
  }
}

async function writeGaps(context: StageContext, stopped: readonly LogLane[]): Promise<SideFiles[]> {
  if (stopped.length === 0) return []
  const now = timestampLiteral(context.clock.now_ms())
  const rows = stopped.map(({ lane, stop }) => {
    const { reason, from, to } = stop as LaneStop
    return `('log', ${quoteText(lane.topic)}, ${lane.partition}::INTEGER, ${from}::BIGINT, ${to}::BIGINT, ${now},
      NULL::TIMESTAMPTZ, ${quoteText(reason)})`
  })
  const columns = GAPS_TABLE.columns.map((c) => `"${c.name}"`).join(', ')
  const file = await context.write(GAPS_TABLE, `SELECT * FROM (VALUES ${rows.join(', ')}) g(${columns})`, {})
  return file ? [{ table: GAPS_TABLE, files: [file] }] : []
}
