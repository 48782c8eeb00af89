import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ConfluentServer } from './support/confluent-server.js'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import type { MemoryLake } from './support/memory-lake.js'
import { schemaCaseLake, schemaCases } from './support/schema-cases.js'
import { query } from './support/tables.js'

/** What must come of each case: the price in silver, or the reason and what the detail says. */
const EXPECTED: Readonly<Record<string, string | readonly [reason: string, detail: RegExp]>> = {
  '01': '63000.1000000000',
  '02': '63000.1000000000',
  '03': '63000.1000000000',
  '04': '63000.1000000000',
  '05': '63000.1000000000',
  '06': ['schema_incompatible', /schema id \d+: field "price": found bytes \(decimal\(12,2\)\), wanted string/],
  '07': ['schema_incompatible', /field "price": found bytes \(decimal\(12,2\)\), wanted string/],
  '08': ['schema_incompatible', /field "price": found double, wanted string/],
  '09': ['price_is_null', /price/],
  '10': '63000.2000000000',
  '11': ['schema_incompatible', /"trade_time_ms": found long \(timestamp-micros\), wanted long \(timestamp-millis\)/],
  '12': '63000.1000000000',
  '13': ['schema_incompatible', /field "symbol": found enum Sym, wanted string/],
  '14': '63000.1000000000',
  '15': ['schema_incompatible', /field "trade_id": found string, wanted long/],
  '16': ['schema_incompatible', /found record "org\.other\.Trade", wanted record ".*BinanceRawTrade"/],
  '17': ['schema_incompatible', /found record "org\.other\.Trade"/],
  '18': '63000.1000000000',
  '19': '63000.1000000000',
  '20': '63000.1000000000',
  '21': '63000.1000000000',
  '22': '63000.1000000000',
  '23': '63000.1000000000',
  '24': '63000.1000000000',
  '25': ['schema_incompatible', /field "ingestion_timestamp": the writer's schema lacks it, wanted long/],
  '26': ['avro_decode_failed', /1 byte lies behind its last field/],
  '27': ['schema_incompatible', /found a JSON Schema, wanted an Avro schema/],
  '28': ['schema_incompatible', /found a Protobuf schema, wanted an Avro schema/],
  '29': '63000.1000000000',
  '30': '63000.1000000000',
  '31': '63000.1000000000',
  '32': '63000.1000000000',
  '33': '63000.1000000000',
  '34': '63000.1000000000',
  '35': '63000.1000000000',
  '36': '63000.1000000000',
  '37': '63000.3700000000',
  '38': ['invalid_side', /side/],
  '39': '63000.1000000000',
  '40': ['malformed_wire_frame', /id of 8 bytes \(Apicurio.*: 1/],
  '41': ['malformed_wire_frame', /begins with 0a/],
  '42': ['malformed_wire_frame', /schema GUID \(01 and 16 bytes\): 09090909-0909/],
  '43': ['malformed_wire_frame', /single-object encoding \(C3 01\).*0505050505050505/],
  '44': ['malformed_wire_frame', /plain JSON/],
  '45': ['malformed_wire_frame', /the value is empty/],
}

let server: ConfluentServer
let lake: MemoryLake
let deadLetters: Map<string, Record<string, unknown>>
let trades: Map<string, Record<string, unknown>>

beforeAll(async () => {
  const made = await schemaCaseLake()
  lake = made.lake
  server = made.server
  await drain(lake)
  const byOffset = (rows: Record<string, unknown>[]) => new Map(rows.map((row) => [String(row.at), row]))
  deadLetters = byOffset(await query(lake, 'SELECT kafka_offset AS at, * FROM silver_dlq_trades'))
  trades = byOffset(await query(lake, 'SELECT "offset" AS at, * FROM silver_binance_trades'))
}, 60_000)
afterAll(async () => {
  await lake.close()
  await server.close()
})

describe('S1 S3: writers’ schemas are read as registries accept them, and refusals say why', () => {
  it.each(schemaCases)('%s', (name) => {
    const expected = EXPECTED[name.slice(3, 5)]
    const at = String(schemaCases.indexOf(name))
    if (typeof expected === 'string') {
      expect(deadLetters.get(at)?.error_detail).toBeUndefined()
      expect(trades.get(at)).toMatchObject({ price: expected, symbol: 'BTCUSDT', side: 'BUY' })
    } else {
      expect(trades.get(at)).toBeUndefined()
      expect(deadLetters.get(at)?.error_reason).toBe(expected?.[0])
      expect(deadLetters.get(at)?.error_detail).toMatch(expected?.[1] ?? /^$/)
    }
  })

  it('S1: each record is in exactly one of silver and the dead letters', async () => {
    expect(deadLetters.size + trades.size).toBe(schemaCases.length)
    await checkInvariants(lake)
  })

  it('what only the writer’s schema has reaches vendor_data, exactly', () => {
    const vendorData = (part: string): unknown => {
      const at = schemaCases.findIndex((name) => name.includes(part))
      return JSON.parse(String(trades.get(String(at))?.vendor_data))
    }
    const own = { event_type: 'trade', event_time_ms: 1764000000000, is_buyer_maker: false, is_best_match: null }
    expect(vendorData('-01-')).toEqual(own)
    expect(vendorData('-22-')).toEqual({ ...own, fee: { amount: 3 } })
    expect(vendorData('-33-')).toEqual({ ...own, self: null })
    expect(vendorData('-34-')).toEqual({ ...own, amounts: 5 })
    expect(Object.keys(vendorData('-23-') as object).slice(4)).toEqual(['uid', 'fx', 'd', 'm', 'arr'])
  })
})
