import { type BytesColumn, rowBytes } from '@assay/core'
import type { Session } from '@assay/engine'
import type { DataFile } from '@assay/iceberg'
import { detailSql } from '../../rules/judge-sql.js'
import { type RuleSet, ruleSetJson } from '../../rules/rule-set.js'
import type { LaneRange } from '../../source/lane-plan.js'
import { quote } from '../../sql/literals.js'
import { dateText, timestampLiteral } from '../../sql/times.js'
import type { TableDefinition } from '../../tables/definition.js'
import { DLQ_TABLE, RULE_SETS_TABLE } from '../../tables/silver.js'
import type { StageContext } from '../context.js'
import type { SideFiles } from '../stage.js'
import { JUDGED } from './judge.js'

const REJECTED = 'silver_rejected'
const KAFKA_TIMESTAMP = 'make_timestamptz(kafka_us) AS kafka_timestamp'

/** Writes the valid rows of the judged batch, one file a day. */
export async function writeValid(context: StageContext, main: TableDefinition, rules: RuleSet): Promise<DataFile[]> {
  const days = await context.session.rows(
    `SELECT trade_day, count(*) AS n FROM ${JUDGED} WHERE error_reason IS NULL GROUP BY 1 ORDER BY 1`,
  )
  const now = timestampLiteral(context.clock.now_ms())
  const delay_us = BigInt(rules.lateness_delay_ms) * 1000n
  const files: DataFile[] = []
  for (const { trade_day } of days) {
    const date = dateText(Number(trade_day))
    const select = `SELECT message_id, trade_id, symbol, exchange, asset_class, event_time_us AS "timestamp", price, quantity,
      currency, side, trade_conditions, source_sequence, ingestion_timestamp, "offset" AS platform_sequence, vendor_data,
      ${now} AS validation_timestamp, bronze_ingestion_timestamp, schema_id, DATE ${quote(date)} AS trade_date,
      topic, "partition", "offset", ${KAFKA_TIMESTAMP},
      coalesce(event_time_us < seen_us - ${delay_us}, false) AS is_late,
      greatest(coalesce(seen_us - event_time_us, 0), 0) // 1000 AS lateness_ms,
      ${quote(rules.version)} AS rule_version, NULL::VARCHAR AS replay_id, NULL::BIGINT AS replay_sequence
      FROM ${JUDGED} WHERE error_reason IS NULL AND trade_day = ${trade_day} ORDER BY rn`
    const file = await context.write(main, select, { trade_date: date })
    if (file) files.push(file)
  }
  return files
}

/** Writes the rejected rows as dead letters, with their bytes (S5). */
export async function writeDeadLetters(
  context: StageContext,
  bronzeTable: string,
  rules: RuleSet,
  raw: BytesColumn,
): Promise<DataFile[]> {
  const partitions = await context.session.rows(
    `SELECT dlq_day, error_type, count(*) AS n FROM ${JUDGED} WHERE error_reason IS NOT NULL GROUP BY ALL ORDER BY ALL`,
  )
  if (partitions.length === 0) return []
  await loadRejected(context.session, raw)
  const now = timestampLiteral(context.clock.now_ms())
  const files: DataFile[] = []
  for (const { dlq_day, error_type } of partitions) {
    const date = dateText(Number(dlq_day))
    const type = String(error_type)
    const select = `SELECT r.raw_record, error_reason, error_type, ${now} AS error_timestamp,
      ${quote(bronzeTable)} AS bronze_source, "offset" AS kafka_offset, schema_id, DATE ${quote(date)} AS dlq_date,
      topic, "partition", ${KAFKA_TIMESTAMP}, ${detailSql(rules)} AS error_detail, ${quote(rules.version)} AS rule_version
      FROM ${JUDGED} j JOIN ${REJECTED} r ON r.rn = j.rn
      WHERE error_reason IS NOT NULL AND dlq_day = ${dlq_day} AND error_type = ${quote(type)} ORDER BY j.rn`
    const partition = { dlq_date: date, bronze_source: bronzeTable, error_type: type }
    const file = await context.write(DLQ_TABLE, select, partition)
    if (file) files.push(file)
  }
  return files
}

async function loadRejected(session: Session, raw: BytesColumn): Promise<void> {
  const numbers: number[] = []
  for await (const chunk of session.read(`SELECT rn FROM ${JUDGED} WHERE error_reason IS NOT NULL ORDER BY rn`)) {
    const column = chunk.columns.get('rn')
    if (column?.type === 'INTEGER') for (let i = 0; i < chunk.count; i++) numbers.push(column.data[i] as number)
  }
  const nulls = Uint8Array.from(numbers, (rn) => (rowBytes(raw, rn) ? 0 : 1))
  await session.load(
    REJECTED,
    [
      { name: 'rn', column: { type: 'INTEGER', data: Int32Array.from(numbers) } },
      {
        name: 'raw_record',
        column: {
          type: 'BLOB',
          source: raw.data,
          starts: Uint32Array.from(numbers, (rn) => raw.offsets[rn] as number),
          ends: Uint32Array.from(numbers, (rn) => raw.offsets[rn + 1] as number),
          nulls,
        },
      },
    ],
    numbers.length,
  )
}

/** Notes in the ledger from which offset on the rule set judges a lane. */
export async function writeRuleSets(
  context: StageContext,
  table: string,
  rules: RuleSet,
  lanes: readonly LaneRange[],
): Promise<SideFiles[]> {
  if (lanes.length === 0) return []
  const columns = RULE_SETS_TABLE.columns.map((c) => `"${c.name}"`).join(', ')
  const json = quote(ruleSetJson(rules))
  const rows = lanes.map(
    ({ lane, from }) =>
      `(${quote(table)}, ${quote(lane.topic)}, ${lane.partition}::INTEGER, ${from}::BIGINT, ${quote(rules.version)}, ${json})`,
  )
  const file = await context.write(RULE_SETS_TABLE, `SELECT * FROM (VALUES ${rows.join(', ')}) r(${columns})`, {})
  return file ? [{ table: RULE_SETS_TABLE, files: [file] }] : []
}
