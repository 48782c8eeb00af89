import { readFileSync } from 'node:fs'
import { compileEncoder } from '@assay/avro'
import { expect, test } from 'vitest'
import { exchangeNamed, exchanges } from '../src/index.js'
import { madeUp } from './made-up/index.js'
import { decodeBodies, feedRecords } from './rows.js'
import { silverRows } from './silver-rows.js'

test('a third exchange is a folder: from its feed to silver, nothing else knows of it', async () => {
  const encode = compileEncoder(madeUp.schema)
  const lines = madeUp.samples.flatMap((sample) => readFileSync(sample, 'utf8').trimEnd().split('\n'))
  const records = lines.flatMap((line) => feedRecords(madeUp, line))
  const [row] = await silverRows(
    madeUp,
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
  '$name gives every column that silver takes, and its own with the prefix raw_',
  (exchange) => {
    const columns = decodeBodies(exchange, [undefined])
    const names = columns.map(({ name }) => name)
    const common = [
      ...['price', 'quantity'].flatMap((name) => [name, `${name}_status`, `${name}_text`]),
      ...['event_time_us', 'event_time_status', 'event_time_text'],
      ...['symbol', 'symbol_status', 'symbol_text', 'currency'],
    ]
    expect(names).toEqual(expect.arrayContaining(common))
    expect(names.filter((name) => !common.includes(name) && !name.startsWith('raw_'))).toEqual([])
    expect(new Set(names).size).toBe(names.length)
  },
)

test('an exchange that nobody knows is a mistake of usage', () => {
  expect(() => exchangeNamed('nowhere')).toThrow(
    expect.objectContaining({ code: 'unknown_exchange', hint: expect.stringContaining('binance') }),
  )
})
