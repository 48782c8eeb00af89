import { rowBytes } from '@assay/core'
import { columnOf, type Session, type TemporaryTable } from '@assay/engine'
import type { Exchange } from '@assay/exchanges'
import type { RuleSet } from '../rules/rule-set.js'
import { detailSql, reasonSql, typeSql } from '../rules/rule-sql.js'
import { mappedSql } from './input.js'
import type { BronzeRows } from './rows/rows.js'

export interface Rejection {
  readonly row: number
  readonly type: string
}

/** The rows of a batch that broke a rule. */
export interface RejectedRows {
  /** Rejected rows in the batch's order. */
  readonly rejections: readonly Rejection[]
  /** The rows as rules see them, with reason and type. */
  readonly broken: TemporaryTable
  /** The rows with all that a dead letter holds; undefined for none. */
  readonly rejected: TemporaryTable | undefined
}

/** Applies the rules to the input. */
export async function applyRules(
  session: Session,
  exchange: Exchange,
  rules: RuleSet,
  rows: BronzeRows,
  input: TemporaryTable,
): Promise<RejectedRows> {
  const broken = await session.createTable(
    'silver_broken',
    `SELECT *, ${typeSql(rules, 'error_reason')} AS error_type
    FROM (SELECT *, ${reasonSql(rules)} AS error_reason FROM (${mappedSql(exchange, input)}))
    WHERE error_reason IS NOT NULL`,
  )
  const rejections: Rejection[] = []
  const text = new TextDecoder()
  for await (const chunk of session.read(`SELECT rn, error_type FROM ${broken.name} ORDER BY rn`)) {
    const numbers = columnOf(chunk, 'rn', 'INTEGER').data
    const types = columnOf(chunk, 'error_type', 'VARCHAR')
    for (let i = 0; i < chunk.count; i++) {
      rejections.push({ row: numbers[i] as number, type: text.decode(rowBytes(types, i)) })
    }
  }
  const rejected = rejections.length > 0 ? await loadRejected(session, rules, rejections, rows, broken) : undefined
  return { rejections, broken, rejected }
}

/**
 * Only rejected records' bytes go back to the engine, and only for them is the detail put together: its expressions
 * take longer to plan than all else that judges a small batch.
 */
async function loadRejected(
  session: Session,
  rules: RuleSet,
  rejections: readonly Rejection[],
  { raw }: BronzeRows,
  broken: TemporaryTable,
): Promise<TemporaryTable> {
  const column = {
    type: 'BLOB' as const,
    source: raw.data,
    starts: Uint32Array.from(rejections, ({ row }) => raw.offsets[row] as number),
    ends: Uint32Array.from(rejections, ({ row }) => raw.offsets[row + 1] as number),
    nulls: Uint8Array.from(rejections, ({ row }) => (raw.nulls?.[row] ? 1 : 0)),
  }
  const numbers = Int32Array.from(rejections, ({ row }) => row)
  const raws = await session.load(
    'silver_rejected_raw',
    [
      { name: 'rn', column: { type: 'INTEGER', data: numbers } },
      { name: 'raw_record', column },
    ],
    rejections.length,
  )
  return session.createTable(
    'silver_rejected',
    `SELECT rn, topic, "partition", "offset", kafka_us, schema_id, error_reason, error_type,
      ${detailSql(rules)} AS error_detail, raw_record
    FROM ${broken.name} JOIN ${raws.name} USING (rn)`,
  )
}
