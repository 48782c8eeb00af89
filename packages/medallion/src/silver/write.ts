import type { DictionaryColumn, Lane, RowColumn, RowColumns } from '@assay/core'
import type { DataFile } from '@assay/iceberg'
import type { LaneRange, SideFiles, StageContext, TableDefinition } from '@assay/pipeline'
import { dateText, timestampColumn } from '@assay/pipeline'
import { columnNamed, fixedColumn, type RuleSet, ruleSetJson, type Verdicts } from '@assay/rules'
import type { Lateness } from './lateness.js'
import { oneOrigin, originsOf } from './rows/origins.js'
import type { BronzeRows } from './rows/rows.js'
import { constant } from './rule-columns.js'
import { DLQ_TABLE, RULE_SETS_TABLE } from './silver-tables.js'
import { partitionOf, rowsByPartition, type SortedRows } from './sort-rows.js'

/** What makes rows the rows of a replay: its id, and by row the offset in the table's lane of replays. */
interface ReplayMark {
  readonly id: string
  readonly sequences: BigInt64Array
}

/** Rows that were judged, and what silver says of them beside their fields. */
interface JudgedRows extends Verdicts {
  readonly rows: BronzeRows
  /** The rows as rules saw them. */
  readonly columns: RowColumns
  readonly sorted: SortedRows
  readonly lateness: Lateness
}

interface WrittenRows {
  readonly files: readonly DataFile[]
  /** All columns of silver, with the rows of the batch. */
  readonly columns: RowColumns
}

/** Writes the valid rows, one file a day. Replayed rows are neither late nor in time. */
export async function writeValid(
  context: StageContext,
  target: TableDefinition,
  judged: JudgedRows,
  replay?: ReplayMark,
): Promise<WrittenRows> {
  const { valid, partitions } = judged.sorted
  const byDay = rowsByPartition(valid, partitions)
  const days = [...byDay].map(([partition, rows]) => ({ day: partitionOf(partition).day, rows }))
  const columns = silverColumns(judged, context.clock.now_ms(), days, replay)
  const files: DataFile[] = []
  for (const { day, rows } of days) {
    const ofDay = new Map(columns).set('trade_date', dayColumn(day))
    const file = await context.write(target, [{ columns: ofDay, rows }], { trade_date: dateText(day) })
    if (file) files.push(file)
  }
  return { files, columns }
}

/** Rows of one day. */
interface DayRows {
  readonly day: number
  readonly rows: Uint32Array
}

function silverColumns(
  { rows, columns, rules, lateness }: JudgedRows,
  now_ms: number,
  days: readonly DayRows[],
  replay: ReplayMark | undefined,
): RowColumns {
  const of = (name: string): RowColumn => columnNamed(columns, name)
  const { origin, origin_id } = replay ? oneOrigin({ origin: 'replay', id: replay.id }) : originsOf(rows)
  const same = (...names: readonly string[]): (readonly [string, RowColumn])[] => names.map((name) => [name, of(name)])
  return new Map<string, RowColumn>([
    ...same('message_id', 'trade_id', 'symbol', 'exchange', 'asset_class'),
    ['timestamp', of('event_time_us')],
    ...same('price', 'quantity', 'currency', 'side', 'trade_conditions', 'source_sequence', 'ingestion_timestamp'),
    ['platform_sequence', of('offset')],
    ...same('vendor_data'),
    ['validation_timestamp', timestampColumn(now_ms)],
    ...same('bronze_ingestion_timestamp', 'schema_id'),
    ['trade_date', tradeDates(days, lateness.isLate.length)],
    ...same('topic', 'partition', 'offset'),
    ['kafka_timestamp', asTimes(of('kafka_us'))],
    ['is_late', replay ? nothing('BOOLEAN') : { type: 'BOOLEAN', data: lateness.isLate }],
    ['lateness_ms', replay ? nothing('BIGINT') : { type: 'BIGINT', data: lateness.lateness_ms }],
    ['rule_version', constant(rules.version)],
    ['replay_id', constant(replay?.id ?? null)],
    ['replay_sequence', replay ? { type: 'BIGINT', data: replay.sequences } : nothing('BIGINT')],
    ['origin', origin],
    ['origin_id', origin_id],
  ])
}

function tradeDates(days: readonly DayRows[], count: number): RowColumn {
  const [only] = days
  if (days.length === 1 && only) return dayColumn(only.day)
  const data = new Int32Array(count)
  for (const { day, rows } of days) for (let k = 0; k < rows.length; k++) data[rows[k] as number] = day
  return { type: 'DATE', data }
}

function dayColumn(day: number): RowColumn {
  return { type: 'CONSTANT', of: 'DATE', value: day }
}

function nothing(of: 'BOOLEAN' | 'BIGINT'): RowColumn {
  return { type: 'CONSTANT', of, value: null }
}

/** µs since 1970 as timestamps: the same numbers. */
function asTimes(column: RowColumn): RowColumn {
  if (column.type !== 'BIGINT') throw new RangeError('times are counted in a BIGINT column')
  return { ...column, type: 'TIMESTAMPTZ' }
}

/** The rejected rows of a batch, and where they are from. */
interface RejectedRows extends Omit<JudgedRows, 'lateness'> {
  readonly bronzeTable: string
}

/** Writes the rejected rows as dead letters, with their bytes (S5). */
export async function writeDeadLetters(context: StageContext, judged: RejectedRows): Promise<DataFile[]> {
  const { rejected, partitions } = judged.sorted
  if (rejected.length === 0) return []
  const columns = deadLetterColumns(judged, await judged.detailsOf(rejected), context.clock.now_ms())
  const places = new Uint32Array(rejected.length)
  for (let k = 0; k < places.length; k++) places[k] = k
  const ofPlaces = intsAt(partitions, rejected)
  const files: DataFile[] = []
  for (const [number, rows] of rowsByPartition(places, ofPlaces)) {
    const { day, type = 'unknown_error' } = partitionOf(number)
    const ofPartition = new Map(columns).set('dlq_date', dayColumn(day)).set('error_type', constant(type))
    const partition = { dlq_date: dateText(day), bronze_source: judged.bronzeTable, error_type: type }
    const file = await context.write(DLQ_TABLE, [{ columns: ofPartition, rows }], partition)
    if (file) files.push(file)
  }
  return files
}

/** The rejected rows alone, but for what their partition tells. */
function deadLetterColumns(
  { sorted: { rejected }, columns, rules, broken, rows, bronzeTable }: RejectedRows,
  details: readonly string[],
  now_ms: number,
): RowColumns {
  const { raw } = rows
  const partitions = fixedColumn(columns, 'partition', 'INTEGER')
  const schemaIds = fixedColumn(columns, 'schema_id', 'INTEGER')
  return new Map<string, RowColumn>([
    [
      'raw_record',
      {
        type: 'BLOB',
        source: raw.data,
        starts: wordsAt(raw.offsets, rejected),
        ends: wordsAt(raw.offsets.subarray(1), rejected),
        ...nullsAt(raw.nulls, rejected),
      },
    ],
    ['error_reason', reasonsAt(rules, broken, rejected)],
    ['error_timestamp', timestampColumn(now_ms)],
    ['bronze_source', constant(bronzeTable)],
    ['kafka_offset', { type: 'BIGINT', data: longsAt(rows.offsets, rejected) }],
    ['schema_id', { type: 'INTEGER', data: intsAt(schemaIds.data, rejected), ...nullsAt(schemaIds.nulls, rejected) }],
    ['topic', topicsAt(columnNamed(columns, 'topic'), rejected)],
    ['partition', { type: 'INTEGER', data: intsAt(partitions.data, rejected) }],
    [
      'kafka_timestamp',
      { type: 'TIMESTAMPTZ', data: longsAt(rows.kafka_us, rejected), ...nullsAt(rows.kafkaNulls, rejected) },
    ],
    ['error_detail', texts(details)],
    ['rule_version', constant(rules.version)],
  ])
}

function longsAt(data: BigInt64Array, rows: Uint32Array): BigInt64Array {
  const found = new BigInt64Array(rows.length)
  for (let k = 0; k < rows.length; k++) found[k] = data[rows[k] as number] as bigint
  return found
}

function intsAt(data: Int32Array, rows: Uint32Array): Int32Array {
  const found = new Int32Array(rows.length)
  for (let k = 0; k < rows.length; k++) found[k] = data[rows[k] as number] as number
  return found
}

function wordsAt(data: Uint32Array, rows: Uint32Array): Uint32Array {
  const found = new Uint32Array(rows.length)
  for (let k = 0; k < rows.length; k++) found[k] = data[rows[k] as number] as number
  return found
}

function nullsAt(nulls: Uint8Array | undefined, rows: Uint32Array): { readonly nulls?: Uint8Array } {
  if (!nulls) return {}
  const found = new Uint8Array(rows.length)
  for (let k = 0; k < rows.length; k++) found[k] = nulls[rows[k] as number] as number
  return { nulls: found }
}

function reasonsAt({ rules }: RuleSet, broken: Uint16Array, rows: Uint32Array): RowColumn {
  const dictionary = [...new Set(rules.map(({ reason }) => reason))]
  const ofRule = Int32Array.from(rules, ({ reason }) => dictionary.indexOf(reason))
  const codes = new Int32Array(rows.length)
  for (let k = 0; k < codes.length; k++) codes[k] = ofRule[(broken[rows[k] as number] as number) - 1] as number
  return { type: 'DICTIONARY', codes, dictionary }
}

function topicsAt(column: RowColumn, rows: Uint32Array): RowColumn {
  return column.type === 'DICTIONARY' ? { ...column, codes: intsAt(column.codes, rows) } : column
}

/** A text a row, of which many may be alike. */
function texts(values: readonly string[]): DictionaryColumn {
  const known = new Map<string, number>()
  const codes = new Int32Array(values.length)
  for (let k = 0; k < codes.length; k++) {
    const value = values[k] as string
    const code = known.get(value) ?? known.size
    if (code === known.size) known.set(value, code)
    codes[k] = code
  }
  return { type: 'DICTIONARY', codes, dictionary: [...known.keys()] }
}

/** Notes in the ledger from which offset on the rule set judges a lane. */
export async function writeRuleSets(
  context: StageContext,
  table: string,
  rules: RuleSet,
  lanes: readonly { readonly lane: Lane; readonly from: LaneRange['from'] }[],
): Promise<SideFiles[]> {
  if (lanes.length === 0) return []
  const columns = new Map<string, RowColumn>([
    ['table_name', constant(table)],
    ['topic', texts(lanes.map(({ lane }) => lane.topic))],
    ['partition', { type: 'INTEGER', data: Int32Array.from(lanes, ({ lane }) => lane.partition) }],
    ['from_offset', { type: 'BIGINT', data: BigInt64Array.from(lanes, ({ from }) => from) }],
    ['rule_version', constant(rules.version)],
    ['rules', constant(ruleSetJson(rules))],
  ])
  const rows = Uint32Array.from(lanes, (_, k) => k)
  const file = await context.write(RULE_SETS_TABLE, [{ columns, rows }], {})
  return file ? [{ table: RULE_SETS_TABLE, files: [file] }] : []
}
