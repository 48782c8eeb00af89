import { quoteText, type Session, type TemporaryTable } from '@assay/engine'
import type { Exchange } from '@assay/exchanges'
import type { DataFile } from '@assay/iceberg'
import type { LaneRange, SideFiles, StageContext, TableDefinition } from '@assay/pipeline'
import { dateText, timestampLiteral } from '@assay/pipeline'
import { type RuleSet, ruleSetJson } from '../rules/rule-set.js'
import type { RejectedRows } from './apply-rules.js'
import { mappedSql } from './input.js'
import { dlqDay, type Lateness } from './lateness.js'
import type { BronzeRows } from './rows/rows.js'
import { DLQ_TABLE, RULE_SETS_TABLE } from './silver-tables.js'

const KAFKA_TIMESTAMP = 'make_timestamptz(kafka_us) AS kafka_timestamp'

/** What makes rows the rows of a replay: its id, and by row the offset in the table's lane of replays. */
interface ReplayMark {
  readonly id: string
  readonly sequences: BigInt64Array
}

/** The valid rows of a batch, and where they go. */
interface ValidRows {
  readonly target: TableDefinition
  readonly exchange: Exchange
  readonly rules: RuleSet
  readonly input: TemporaryTable
  readonly lateness: Lateness
  readonly replay?: ReplayMark
}

interface WrittenRows {
  readonly files: readonly DataFile[]
  /** The lateness in the engine, beside the input, row by row; undefined when no row is valid. */
  readonly lateness: TemporaryTable | undefined
}

/** Writes the valid rows, one file a day. Replayed rows are neither late nor in time. */
export async function writeValid(context: StageContext, valid: ValidRows): Promise<WrittenRows> {
  const { target, exchange, rules, input, replay } = valid
  const { days } = valid.lateness
  if (days.size === 0) return { files: [], lateness: undefined }
  const lateness = await loadLateness(context.session, valid)
  const rows = validRowsSql(`(${mappedSql(exchange, input)})`, lateness)
  const now = timestampLiteral(context.clock.now_ms())
  const version = `${quoteText(rules.version)} AS rule_version`
  const marks = replay
    ? `NULL::BOOLEAN AS is_late, NULL::BIGINT AS lateness_ms, ${version}, ${quoteText(replay.id)} AS replay_id, replay_sequence`
    : `is_late, lateness_ms, ${version}, NULL::VARCHAR AS replay_id, NULL::BIGINT AS replay_sequence`
  const files: DataFile[] = []
  for (const day of days) {
    const date = dateText(day)
    const ofDay = days.size === 1 ? '' : `AND event_time_us // 86400000000 = ${day}`
    const select = `SELECT message_id, trade_id, symbol, exchange, asset_class, event_time_us AS "timestamp", price, quantity,
      currency, side, trade_conditions, source_sequence, ingestion_timestamp, "offset" AS platform_sequence, vendor_data,
      ${now} AS validation_timestamp, bronze_ingestion_timestamp, schema_id, DATE ${quoteText(date)} AS trade_date,
      topic, "partition", "offset", ${KAFKA_TIMESTAMP}, ${marks}
      FROM ${rows} ${ofDay}`
    const file = await context.write(target, select, { trade_date: date })
    if (file) files.push(file)
  }
  return { files, lateness }
}

/** SQL of the valid rows of a table, or a query in brackets, that has the input's rows in their order. */
export function validRowsSql(rows: string, lateness: TemporaryTable): string {
  return `${rows} POSITIONAL JOIN ${lateness.name} WHERE is_valid = 1`
}

function loadLateness(session: Session, { lateness, replay }: ValidRows): Promise<TemporaryTable> {
  return session.load(
    'silver_verdicts',
    [
      { name: 'is_valid', column: { type: 'UTINYINT', data: lateness.valid } },
      { name: 'is_late', column: { type: 'BOOLEAN', data: lateness.isLate } },
      { name: 'lateness_ms', column: { type: 'BIGINT', data: lateness.lateness_ms } },
      ...(replay ? [{ name: 'replay_sequence', column: { type: 'BIGINT' as const, data: replay.sequences } }] : []),
    ],
    lateness.valid.length,
  )
}

/** Writes the rejected rows as dead letters, with their bytes (S5). */
export async function writeDeadLetters(
  context: StageContext,
  bronzeTable: string,
  rules: RuleSet,
  rows: BronzeRows,
  { rejections, rejected }: RejectedRows,
): Promise<DataFile[]> {
  if (!rejected) return []
  const now = timestampLiteral(context.clock.now_ms())
  const partitions = new Map<string, { readonly day: number; readonly type: string }>()
  for (const { row, type } of rejections) {
    const day = dlqDay(rows, row)
    partitions.set(`${day} ${type}`, { day, type })
  }
  const files: DataFile[] = []
  for (const { day, type } of partitions.values()) {
    const date = dateText(day)
    const select = `SELECT raw_record, error_reason, error_type, ${now} AS error_timestamp,
      ${quoteText(bronzeTable)} AS bronze_source, "offset" AS kafka_offset, schema_id, DATE ${quoteText(date)} AS dlq_date,
      topic, "partition", ${KAFKA_TIMESTAMP}, error_detail, ${quoteText(rules.version)} AS rule_version
      FROM ${rejected.name}
      WHERE rn < ${rows.count} AND error_type = ${quoteText(type)} AND coalesce(kafka_us, 0) // 86400000000 = ${day}
      ORDER BY rn`
    const partition = { dlq_date: date, bronze_source: bronzeTable, error_type: type }
    const file = await context.write(DLQ_TABLE, select, partition)
    if (file) files.push(file)
  }
  return files
}

/** Notes in the ledger from which offset on the rule set judges a lane. */
export async function writeRuleSets(
  context: StageContext,
  table: string,
  rules: RuleSet,
  lanes: readonly Pick<LaneRange, 'lane' | 'from'>[],
): Promise<SideFiles[]> {
  if (lanes.length === 0) return []
  const columns = RULE_SETS_TABLE.columns.map((c) => `"${c.name}"`).join(', ')
  const json = quoteText(ruleSetJson(rules))
  const rows = lanes.map(
    ({ lane, from }) =>
      `(${quoteText(table)}, ${quoteText(lane.topic)}, ${lane.partition}::INTEGER, ${from}::BIGINT, ${quoteText(rules.version)}, ${json})`,
  )
  const file = await context.write(RULE_SETS_TABLE, `SELECT * FROM (VALUES ${rows.join(', ')}) r(${columns})`, {})
  return file ? [{ table: RULE_SETS_TABLE, files: [file] }] : []
}
