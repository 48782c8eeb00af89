import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Engine, openEngine, type Session } from '@assay/engine'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { defineRuleSet } from '../src/rules/rule-set.js'
import { detailSql, reasonSql, typeSql } from '../src/rules/rule-sql.js'
import { SILVER_RULES } from '../src/rules/silver-rules.js'

/** A row that breaks no rule, as SQL by column. */
const VALID: Readonly<Record<string, string>> = {
  frame_status: '0::UTINYINT',
  schema_id: '1::INTEGER',
  value_bytes: '60::INTEGER',
  frame_detail: 'NULL::VARCHAR',
  missing_fields: 'NULL::VARCHAR',
  event_type: "'trade'",
  symbol: "'BTCUSDT'",
  symbol_status: '0::UTINYINT',
  symbol_text: 'NULL::VARCHAR',
  currency: "'USDT'",
  price: '1::DECIMAL(28,10)',
  price_status: '0::UTINYINT',
  price_text: 'NULL::VARCHAR',
  quantity: '1::DECIMAL(28,10)',
  quantity_status: '0::UTINYINT',
  quantity_text: 'NULL::VARCHAR',
  event_time_us: '1000000::BIGINT',
  event_time_status: '0::UTINYINT',
  event_time_text: 'NULL::VARCHAR',
  kafka_us: '1000000::BIGINT',
  side: "'BUY'",
  side_text: 'NULL::VARCHAR',
  trade_id: "'T-1'",
  message_id: "'00000000-0000-8000-8000-000000000000'::UUID",
  asset_class: "'crypto'",
}
/** Columns that may be null in a valid row: texts of what was found are there only where something is wrong. */
const NULLABLE = new Set([
  'schema_id',
  'value_bytes',
  'frame_detail',
  'missing_fields',
  'symbol_text',
  'side_text',
  'price_text',
  'quantity_text',
  'event_time_text',
])
const COLUMNS = Object.keys(VALID)

let engine: Engine
let session: Session
const tempDirectory = mkdtempSync(join(tmpdir(), 'assay-rules-'))

beforeAll(async () => {
  engine = await openEngine({ memoryLimit_bytes: 64 * 2 ** 20, threads: 1, tempDirectory })
  session = await engine.session()
})
afterAll(async () => {
  await engine.close()
  rmSync(tempDirectory, { recursive: true, force: true })
})

async function judged(
  row: Readonly<Record<string, string>>,
): Promise<{ reason: unknown; type: unknown; detail: unknown }> {
  const columns = COLUMNS.map((name) => `${row[name] ?? VALID[name]} AS ${name}`)
  const [found] = await session.rows(
    `SELECT reason, ${typeSql(SILVER_RULES, 'reason')} AS type, ${detailSql(SILVER_RULES)} AS detail
     FROM (SELECT *, ${reasonSql(SILVER_RULES)} AS reason FROM (SELECT ${columns.join(', ')}))`,
  )
  return found as { reason: unknown; type: unknown; detail: unknown }
}

function nullOf(column: string): string {
  const type = /::(.+)$/.exec(VALID[column] ?? '')?.[1] ?? 'VARCHAR'
  return `NULL::${type}`
}

describe('the rules of silver', () => {
  it('S1: a row with all its columns in order breaks none', async () => {
    expect(await judged({})).toMatchObject({ reason: null, detail: '' })
  })

  it('S1: a NULL in any column that a rule looks at rejects the row with a reason, a type and a detail', async () => {
    for (const column of COLUMNS.filter((name) => !NULLABLE.has(name))) {
      // A price, quantity or time is null only together with a status that says why.
      const status = `${column.replace(/_us$/, '')}_status`
      const row = { [column]: nullOf(column), ...(status in VALID && { [status]: '1::UTINYINT' }) }
      const { reason, type, detail } = await judged(row)
      expect([column, typeof reason, typeof type, detail !== '']).toEqual([column, 'string', 'string', true])
    }
  })

  it('S1: all columns null at once is one reason, not an error', async () => {
    const { reason, type } = await judged(Object.fromEntries(COLUMNS.map((name) => [name, nullOf(name)])))
    expect([typeof reason, typeof type]).toEqual(['string', 'string'])
  })

  it('S5: every reason has one type, and the detail of a broken frame names nothing but the frame', async () => {
    const types = new Map<string, string>()
    for (const { reason, type } of SILVER_RULES.rules) {
      expect(types.get(reason) ?? type).toBe(type)
      types.set(reason, type)
    }
    const { reason, detail } = await judged({ frame_status: '4::UTINYINT', price: nullOf('price'), symbol: 'NULL' })
    expect([reason, detail]).toEqual(['unknown_schema_id', 'unknown_schema_id: 1'])
  })

  it('S5: the first broken rule gives the reason, the detail lists all of them with their values', async () => {
    const { reason, detail } = await judged({ price: '0::DECIMAL(28,10)', side: "'x'", quantity: '-1::DECIMAL(28,10)' })
    expect(reason).toBe('price_must_be_positive')
    expect(detail).toBe(
      'price_must_be_positive: 0.0000000000; quantity_must_be_positive: -1.0000000000; invalid_side: x',
    )
  })

  it('S2: the version of a rule set comes from its content', () => {
    const { rules, lateness_delay_ms } = SILVER_RULES
    expect(defineRuleSet([...rules], lateness_delay_ms).version).toBe(SILVER_RULES.version)
    expect(defineRuleSet(rules.slice(1), lateness_delay_ms).version).not.toBe(SILVER_RULES.version)
    expect(defineRuleSet(rules, lateness_delay_ms + 1).version).not.toBe(SILVER_RULES.version)
  })
})
