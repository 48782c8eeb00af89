import { rowBytes } from '@assay/core'
import { columnOf, type Session } from '@assay/engine'
import type { Exchange } from '@assay/exchanges'
import { detailSql, reasonSql, typeSql } from '../rules/judge-sql.js'
import type { RuleSet } from '../rules/rule-set.js'
import { mappedSql } from './input.js'
import type { BronzeRows } from './rows/rows.js'

/** Temporary table of the rows that broke a rule, with all that a dead letter holds. */
export const REJECTED = 'silver_rejected'
/** Temporary table of the same rows as rules see them, with reason and type. */
export const BROKEN = 'silver_broken'

export interface Rejection {
  readonly row: number
  readonly type: string
}

/** Applies the rules to the input and fills the table of rejected rows, which come back in order. */
export async function judge(
  session: Session,
  exchange: Exchange,
  rules: RuleSet,
  rows: BronzeRows,
): Promise<readonly Rejection[]> {
  await session.run(`CREATE OR REPLACE TEMP TABLE ${BROKEN} AS
    SELECT *, ${typeSql(rules, 'error_reason')} AS error_type
    FROM (SELECT *, ${reasonSql(rules)} AS error_reason FROM (${mappedSql(exchange)}))
    WHERE error_reason IS NOT NULL`)
  const rejections: Rejection[] = []
  const text = new TextDecoder()
  for await (const chunk of session.read(`SELECT rn, error_type FROM ${BROKEN} ORDER BY rn`)) {
    const numbers = columnOf(chunk, 'rn', 'INTEGER').data
    const types = columnOf(chunk, 'error_type', 'VARCHAR')
    for (let i = 0; i < chunk.count; i++) {
      rejections.push({ row: numbers[i] as number, type: text.decode(rowBytes(types, i)) })
    }
  }
  if (rejections.length > 0) await loadRejected(session, rules, rejections, rows)
  return rejections
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
): Promise<void> {
  const column = {
    type: 'BLOB' as const,
    source: raw.data,
    starts: Uint32Array.from(rejections, ({ row }) => raw.offsets[row] as number),
    ends: Uint32Array.from(rejections, ({ row }) => raw.offsets[row + 1] as number),
    nulls: Uint8Array.from(rejections, ({ row }) => (raw.nulls?.[row] ? 1 : 0)),
  }
  const numbers = Int32Array.from(rejections, ({ row }) => row)
  const raws = `${REJECTED}_raw`
  await session.load(
    raws,
    [
      { name: 'rn', column: { type: 'INTEGER', data: numbers } },
      { name: 'raw_record', column },
    ],
    rejections.length,
  )
  await session.run(`CREATE OR REPLACE TEMP TABLE ${REJECTED} AS
    SELECT rn, topic, "partition", "offset", kafka_us, schema_id, error_reason, error_type,
      ${detailSql(rules)} AS error_detail, raw_record
    FROM ${BROKEN} JOIN ${raws} USING (rn)`)
}
