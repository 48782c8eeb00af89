import { readFileSync } from 'node:fs'
import { verifyLake } from '@assay/audit'
import { parseRuleSet, ruleSetJson, SILVER_RULES } from '@assay/rules'
import { expect, it } from 'vitest'
import { drain } from './support/drain.js'
import { binance } from './support/memory-lake.js'
import { binanceRecord, produce } from './support/records.js'
import { schemaCaseLake, schemaCases } from './support/schema-cases.js'
import { query } from './support/tables.js'

/** The rules as the ledgers of lakes have them that version 0.1.0 made. */
const RULES = readFileSync(new URL('fixtures/rules-0.1.0.json', import.meta.url), 'utf8')
const VERSION = 'rules-63fc7ee9fa3d'

/** What 0.1.0 made of the cases, by number: its reasons, where they are not `avro_decode_failed`, and its prices. */
const REASONS: Readonly<Record<number, string>> = {
  11: 'timestamp_out_of_range',
  40: 'unknown_schema_id',
  41: 'malformed_wire_frame',
  42: 'malformed_wire_frame',
  43: 'malformed_wire_frame',
  44: 'malformed_wire_frame',
  45: 'malformed_wire_frame',
}
const PRICES: Readonly<Record<number, string>> = {
  1: '63000.1',
  6: '1234',
  10: '63000.2',
  12: '63000.1',
  14: '63000.1',
  18: '63000.1',
  19: '63000.1',
  20: '63000.1',
  23: '63000.1',
  24: '63000.1',
  33: '63000.1',
  34: '63000.1',
  35: '63000.1',
  37: '63000.37',
}

it('S2 A3: what the rules of an earlier version judged is derived as they judged it, schemas and all', async () => {
  const rules = parseRuleSet(RULES)
  expect([rules.version, rules.decoding]).toEqual([VERSION, 1])
  expect(JSON.parse(ruleSetJson(rules))).toEqual(JSON.parse(RULES))
  const { lake, server } = await schemaCaseLake()
  await drain(lake, { rules })
  const deadLetters = await query(
    lake,
    'SELECT kafka_offset::INTEGER + 1 AS n, error_reason AS r FROM silver_dlq_trades',
  )
  const trades = await query(lake, 'SELECT "offset"::INTEGER + 1 AS n, price::DOUBLE AS p FROM silver_binance_trades')
  const numbers = schemaCases.map((_, i) => i + 1)
  const reason = (n: number): string => REASONS[n] ?? 'avro_decode_failed'
  expect(Object.fromEntries(deadLetters.map(({ n, r }) => [n, r]))).toEqual(
    Object.fromEntries(numbers.filter((n) => !(n in PRICES)).map((n) => [n, reason(n)])),
  )
  expect(Object.fromEntries(trades.map(({ n, p }) => [n, String(p)]))).toEqual(PRICES)

  const own = server.ids.get(101)
  if (own) server.ids.set(7, own)
  await produce(lake, binance, [binanceRecord(binance, 7, { trade_id: 1, time: 1_764_000_000_000 })])
  await drain(lake)
  const versions = await query(lake, 'SELECT DISTINCT rule_version AS v FROM silver_binance_trades ORDER BY 1')
  expect(versions.map(({ v }) => v)).toEqual([SILVER_RULES.version, VERSION].sort())
  const { checks } = await verifyLake(lake, {
    fromLog: true,
    signal: new AbortController().signal,
    onCheck: () => undefined,
  })
  expect(checks.filter(({ outcome }) => outcome === 'failed')).toEqual([])
  await lake.close()
  await server.close()
}, 60_000)
