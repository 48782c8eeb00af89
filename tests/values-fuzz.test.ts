import { seededRandom } from '@assay/core'
import type { Exchange } from '@assay/exchanges'
import { expect, it } from 'vitest'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, kraken, memoryLake } from './support/memory-lake.js'
import { framed, produce, registerSchema, START_MS, type TestRecord } from './support/records.js'
import { query } from './support/tables.js'

const INT64 = [
  2n ** 63n - 1n,
  -(2n ** 63n),
  2n ** 53n,
  -(2n ** 53n) - 1n,
  -1n,
  0n,
  1n,
  BigInt(START_MS),
  9_214_646_400_000n,
]
const INT32 = [2 ** 31 - 1, -(2 ** 31), -1, 0, 1]
const TEXTS = [
  ...['', ' ', '\0', '\n', "'", '"', '\\', '}{', '%', ';--', '\u202e', '\ufeff', '\u3164', '\ufffd', '😀', 'é', 'NULL'],
  ...[
    'x'.repeat(65),
    '€'.repeat(300),
    '\u0000'.repeat(70),
    '"\\\u0001'.repeat(50),
    '__proto__',
    'BTC',
    'USD',
    '/',
    '_',
    '.',
  ],
]
const DIGITS = [...'0000123456789', '٣', '５', '.', '-', '+', 'e', 'E', '_', ',', ' ']

/** Chooses by a seed, so that a failing record can be made again. */
class Chooser {
  readonly #random
  constructor(seed: number) {
    this.#random = seededRandom(seed)
  }

  below(limit: number): number {
    return Math.floor(this.#random.unit() * limit)
  }

  one<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)] as Value
  }

  many<Value>(values: readonly Value[], most: number): Value[] {
    return Array.from({ length: this.below(most + 1) }, () => this.one(values))
  }

  decimal(): string {
    switch (this.below(4)) {
      case 0:
        return this.many(DIGITS, 30).join('')
      case 1:
        return `${this.one(['', '-'])}${'0'.repeat(this.below(40))}.${'0'.repeat(this.below(40))}`
      case 2:
        return `${this.one(['', '-'])}${this.many([...'0123456789'], 25).join('')}.${this.many([...'0123456789'], 15).join('')}`
      default:
        return this.one(['1.5', '-0', `-0.${'0'.repeat(12)}`, '1e9', 'NaN', `0.${'0'.repeat(400)}1`, ...TEXTS])
    }
  }

  text(): string {
    return this.many(TEXTS, 4).join('')
  }
}

/** What must become of a decimal, by big integers: undefined for one that is above zero and fits. */
function amountReason(text: string): string | undefined {
  if (text === '') return 'is_null'
  const [, sign, whole = '', fraction = ''] = /^(-?)([0-9]+)(?:\.([0-9]+))?$/.exec(text) ?? []
  if (sign === undefined) return 'malformed'
  const [digits, decimals] = [whole.replace(/^0+/, ''), fraction.replace(/0+$/, '')]
  if (digits.length > 18 || decimals.length > 10) return 'not_representable'
  return BigInt(`0${digits}${decimals}`) > 0n && sign === '' ? undefined : 'must_be_positive'
}

const GOOD: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  binance: {
    event_type: 'trade',
    event_time_ms: START_MS,
    symbol: 'BTCUSDT',
    trade_id: 1,
    price: '1.5',
    quantity: '2',
    trade_time_ms: START_MS,
    is_buyer_maker: true,
    is_best_match: null,
    ingestion_timestamp: 1n,
  },
  kraken: {
    channel_id: 1,
    price: '1.5',
    volume: '2',
    timestamp: `${START_MS / 1000}.000001`,
    side: 'b',
    order_type: 'l',
    misc: '',
    pair: 'XBT/USD',
    ingestion_timestamp: 1n,
    trade_id: null,
    fill_number: null,
  },
}

function hostileField(name: string, choose: Chooser): unknown {
  if (name === 'price' || name === 'quantity' || name === 'volume') return choose.decimal()
  if (name === 'timestamp') return choose.one([choose.decimal(), `${START_MS / 1000}`, choose.text()])
  if (name === 'fill_number') return choose.one([null, ...INT32])
  if (name === 'is_best_match') return choose.one([null, true, false])
  if (name === 'is_buyer_maker') return choose.one([true, false])
  const good = GOOD.binance?.[name] ?? GOOD.kraken?.[name]
  return typeof good === 'string' ? choose.one([choose.text(), `${good}${choose.text()}`]) : choose.one(INT64)
}

function hostileRecord(exchange: Exchange, id: number, choose: Chooser): TestRecord {
  const good = GOOD[exchange.name] ?? {}
  const changed = choose.many(Object.keys(good), 3).map((name) => [name, hostileField(name, choose)])
  const value = framed(exchange, id, { ...good, ...Object.fromEntries(changed) })
  if (choose.below(4) === 0) for (const at of choose.many([...value.keys()], 3)) value[at] = choose.below(256)
  const timestamp_ms = choose.below(4) === 0 ? choose.one(INT64) : BigInt(START_MS)
  return { key: Buffer.from('k'), value, timestamp_ms }
}

it.each([binance, kraken])(
  'S1 S3 S6: no value fails a batch of $name, and no good neighbour is lost',
  async (exchange) => {
    const lake = memoryLake({ exchanges: [exchange] })
    const id = await registerSchema(lake, exchange)
    const choose = new Chooser(exchange === binance ? 11 : 12)
    const good = 300
    const records = Array.from({ length: good }, (_, i): TestRecord[] => [
      hostileRecord(exchange, id, choose),
      {
        key: Buffer.from('k'),
        value: framed(exchange, id, { ...GOOD[exchange.name], trade_id: 1_000_000 + i }),
        timestamp_ms: BigInt(START_MS),
      },
    ])
    await produce(lake, exchange, records.flat())
    const events = await drain(lake)
    expect(events.filter(({ kind }) => kind === 'outage')).toEqual([])
    await checkInvariants(lake)
    const kept = `SELECT count(*)::INTEGER AS n FROM gold_crypto_trades WHERE source_sequence BETWEEN 1000000 AND 1000299`
    expect(await query(lake, kept)).toEqual([{ n: good }])
    await lake.close()
  },
)

it('S3: decimals are judged as big integers judge them', async () => {
  const lake = memoryLake()
  const id = await registerSchema(lake, binance)
  const choose = new Chooser(5)
  const prices = Array.from({ length: 2_000 }, () => choose.decimal())
  const records = prices.map((price, i) => ({
    key: Buffer.from('k'),
    value: framed(binance, id, { ...GOOD.binance, price, trade_id: i }),
    timestamp_ms: BigInt(START_MS),
  }))
  await produce(lake, binance, records)
  await drain(lake)
  const deadLetters = await query(lake, 'SELECT kafka_offset::INTEGER AS o, error_reason AS r FROM silver_dlq_trades')
  const found = new Map(deadLetters.map(({ o, r }) => [o, r]))
  const expected = prices.map((price) => [price, amountReason(price)])
  expect(prices.map((price, i) => [price, (found.get(i) as string | undefined)?.replace('price_', '')])).toEqual(
    expected,
  )
  expect(expected.filter(([, reason]) => reason === undefined).length).toBeGreaterThan(100)
  await lake.close()
})
