import { readFileSync } from 'node:fs'
import { compileEncoder } from '@assay/avro'
import { expect, test } from 'vitest'
import { exchangeNamed, exchanges, PRESENT_READING } from '../src/index.js'
import { madeUp } from './made-up/index.js'
import { decodeBodies, decodedBodies, feedRecords } from './rows.js'
import { silverRows } from './silver-rows.js'

test('a third exchange is a folder: from its feed to silver, nothing else knows of it', () => {
  const encode = compileEncoder(madeUp.schema)
  const lines = madeUp.samples.flatMap((sample) => readFileSync(sample, 'utf8').trimEnd().split('\n'))
  const records = lines.flatMap((line) => feedRecords(madeUp, line))
  const [row] = silverRows(
    decodeBodies(
      madeUp,
      records.map(({ record }) => encode(record)),
    ),
    records.length,
  )
  expect(row).toMatchObject({
    symbol: 'BTCEUR',
    currency: 'EUR',
    price: '61000.5000000000',
    quantity: '0.2500000000',
    event_time_us: 1_700_000_000_123_000n,
    trade_id: 'MADEUP-BTCEUR-7',
    side: 'SELL',
    source_sequence: 7n,
    ingestion_timestamp: 1_700_000_000_000_000n,
  })
})

test.each([...exchanges, madeUp])(
  '$name gives every column that silver and its rules take, and its fields with the prefix raw_',
  (exchange) => {
    const names = [...decodeBodies(exchange, [undefined]).keys()]
    const common = [
      ...['price', 'quantity', 'event_time'].flatMap((name) => [`${name}_status`, `${name}_text`]),
      ...['price', 'quantity', 'event_time_us', 'symbol', 'symbol_status', 'symbol_text', 'currency'],
      ...['trade_id', 'event_type', 'side', 'side_text', 'trade_conditions', 'source_sequence'],
      ...['ingestion_timestamp', 'vendor_data'],
    ]
    expect([...names].sort()).toEqual(common.sort())
    const { decoded, valid } = decodedBodies(exchange, [undefined])
    const raw = [...exchange.rawColumns(decoded, valid, PRESENT_READING).keys()]
    expect(raw.filter((name) => !name.startsWith('raw_'))).toEqual([])
  },
)

test('an exchange that nobody knows is a mistake of usage', () => {
  expect(() => exchangeNamed('nowhere')).toThrow(
    expect.objectContaining({ code: 'unknown_exchange', hint: expect.stringContaining('binance') }),
  )
})
