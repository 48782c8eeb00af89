import { rebuildLake, verifyLake } from '@assay/audit'
import type { LoadReport } from '@assay/feed'
import { defineRuleSet, extendRules, SILVER_RULES } from '@assay/rules'
import { describe, expect, it } from 'vitest'
import { caseNamed, loadCases, produceCase } from './support/cases.js'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, kraken, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { query } from './support/tables.js'

const NEVER = new AbortController().signal

function newLake(): MemoryLake {
  return memoryLake({ exchanges: [binance, kraken] })
}

async function settle(lake: MemoryLake): Promise<void> {
  await drain(lake)
  await checkInvariants(lake)
}

/** Gold's value of a column by trade id. */
async function gold(lake: MemoryLake, column: string): Promise<Record<string, unknown>> {
  const rows = await query(lake, `SELECT trade_id, ${column} AS v FROM gold_crypto_trades`)
  return Object.fromEntries(rows.map(({ trade_id, v }) => [String(trade_id), v]))
}

async function count(lake: MemoryLake, table: string): Promise<number> {
  const [row] = await query(lake, `SELECT count(*)::INTEGER AS n FROM ${table}`)
  return row?.n as number
}

/** The dead letters' details, by the order of the log. */
async function details(lake: MemoryLake): Promise<unknown[]> {
  const rows = await query(
    lake,
    'SELECT error_detail AS d FROM silver_dlq_trades ORDER BY topic, "partition", kafka_offset',
  )
  return rows.map(({ d }) => d)
}

function reasonsByLine({ refusals }: LoadReport): Record<number, string> {
  return Object.fromEntries(refusals.map(({ line, reason }) => [line, reason]))
}

describe('currencies', () => {
  it('S3: a joined name is split by what is known of pairs, bases and quotes, or a dead letter says that it is not', async () => {
    const lake = newLake()
    expect(await loadCases(lake, binance, ['c01-binance-quotes.jsonl'])).toMatchObject({ produced: 22, refused: 0 })
    await settle(lake)
    const rows = await query(lake, 'SELECT symbol, currency FROM gold_crypto_trades ORDER BY source_sequence')
    expect(Object.fromEntries(rows.map(({ symbol, currency }) => [symbol, currency]))).toEqual({
      ADAEUR: 'EUR',
      ENAEUR: 'EUR',
      GALAEUR: 'EUR',
      BTCEUR: 'EUR',
      BTCAEUR: 'AEUR',
      BNBUSD: 'USD',
      DOTUSD: 'USD',
      AVAXUSD: 'USD',
      USDTUSD: 'USD',
      SHIBUSD: 'USD',
      BTCUST: 'UST',
      BTCVAI: 'VAI',
      '1INCHUSDT': 'USDT',
      '1000SATSUSDT': 'USDT',
      币安人生USDT: 'USDT',
      ETHEURI: 'EURI',
      BTCUSD1: 'USD1',
      USDTRY: 'TRY',
      BTCFDUSD: 'FDUSD',
      SOLBRL: 'BRL',
      XRPRLUSD: 'RLUSD',
    })
    expect(await details(lake)).toEqual(['currency_unknown: BTCU'])
    await lake.close()
  })

  it('G1: two pairs whose joined names are equal stay two, though their trades have one number', async () => {
    const lake = newLake()
    await loadCases(lake, kraken, ['c04-kraken-joined-name.jsonl'])
    await settle(lake)
    // A second delivery, by a worker that has to build its key set from the table.
    await loadCases(lake, kraken, ['c04-kraken-joined-name.jsonl'])
    await settle(lake)
    expect(
      await query(lake, 'SELECT symbol, currency, source_sequence AS id FROM gold_crypto_trades ORDER BY currency'),
    ).toEqual([
      { symbol: 'USDTUSD', currency: 'TUSD', id: 77n },
      { symbol: 'USDTUSD', currency: 'USD', id: 77n },
    ])
    expect(await query(lake, 'SELECT is_conflict FROM gold_duplicates')).toEqual([
      { is_conflict: false },
      { is_conflict: false },
    ])
    await lake.close()
  })
})

describe('a pair that its exchange names', () => {
  it('G1 G3: stays one when its currency is read otherwise from some time on', async () => {
    const lake = newLake()
    const extended = extendRules(SILVER_RULES, { quotes: ['AEURX'], bases: [], pairs: ['AD/AEUR'] })
    await loadCases(lake, binance, ['c01-binance-quotes.jsonl'])
    await drain(lake, { rules: extended })
    await loadCases(lake, binance, ['c01-binance-quotes.jsonl'])
    await drain(lake)
    const ada = "WHERE symbol = 'ADAEUR'"
    expect(await query(lake, `SELECT currency FROM silver_binance_trades ${ada} ORDER BY "offset"`)).toEqual([
      { currency: 'AEUR' },
      { currency: 'EUR' },
    ])
    expect(await count(lake, `gold_crypto_trades ${ada}`)).toBe(1)
    expect(await count(lake, 'gold_duplicates')).toBe(21)
    await lake.close()
  })
})

describe("trades of Kraken's first feed", () => {
  it('G1: equal fills are trades of their own, and a file loaded again, alone or beside itself, adds none', async () => {
    const lake = newLake()
    const file = 'c02-kraken-v1.jsonl'
    await loadCases(lake, kraken, [file])
    await settle(lake)
    expect([await count(lake, 'gold_crypto_trades'), await count(lake, 'gold_duplicates')]).toEqual([3, 0])
    lake.clock.advance(86_400_000)
    await loadCases(lake, kraken, [file, file])
    await settle(lake)
    expect([await count(lake, 'gold_crypto_trades'), await count(lake, 'gold_duplicates')]).toEqual([3, 6])
    await lake.close()
  })

  it('G1: the same trades as the second feed tells them are three, by their own numbers', async () => {
    const lake = newLake()
    await loadCases(lake, kraken, ['c03-kraken-v2-same.jsonl'])
    await settle(lake)
    expect(Object.keys(await gold(lake, 'price')).sort()).toEqual([9001, 9002, 9003].map((id) => `KRAKEN-BTCUSD-${id}`))
    await lake.close()
  })
})

describe('every line of a file is in gold, a dead letter, or refused with the true reason', () => {
  it('S3: odd pairs, numbers and times of Kraken', async () => {
    const lake = newLake()
    const report = await loadCases(lake, kraken, ['c05-kraken-odd-pairs.jsonl'])
    expect(report).toMatchObject({ produced: 10, refused: 4, ignored: 0 })
    expect(reasonsByLine(report)).toEqual({
      8: 'field time: at most six decimals are expected, found "2025-11-24T16:00:00.000008001Z"',
      9: 'field time: a second that clocks have is expected, and no leap second, found "2016-12-31T23:59:60.5Z"',
      12: 'field price: a number is expected, found "3000.06"',
      14: 'field time: at most six decimals are expected, found "1764000000.1234567"',
    })
    await settle(lake)
    expect(await gold(lake, 'price')).toEqual({
      'KRAKEN-AAPLxUSD-1': '201.5500000000',
      'KRAKEN-DOGEEUR-2': '0.1000000000',
      'KRAKEN-ETHUSD-9007199254740991': '3000.0000000000',
      'KRAKEN-ETHUSD-9007199254740993': '3000.0100000000',
      'KRAKEN-ETHUSD-13': '3000.0400000000',
      'KRAKEN-1764000000.000000-0e7b3771f549e49f': '3000.0700000000',
    })
    expect(await details(lake)).toEqual([
      'currency_unknown: BTCUSD.d',
      'price_not_representable: 0.0000000012345',
      'quantity_not_representable: 1000000000000000000',
      'invalid_side: SELL',
    ])
    await lake.close()
  })

  it('S3: odd times, numbers and events of Binance', async () => {
    const lake = newLake()
    const report = await loadCases(lake, binance, ['c06-binance-odd.jsonl'])
    expect(report).toMatchObject({ produced: 10, refused: 4, ignored: 1 })
    expect(reasonsByLine(report)).toEqual({
      1: 'field T: milliseconds from 1970 to 2261 are expected, found 1764000000000100, which may be microseconds',
      2: "the trade's time 1970-01-21T10:00:00.000Z is before 2017-07-14T00:00:00.000Z, which may be seconds where milliseconds are expected",
      10: 'field T: milliseconds from 1970 to 2261 are expected, found -1',
      15: 'field e: a text is expected, found nothing',
    })
    await settle(lake)
    expect(await gold(lake, 'price')).toEqual({
      'BINANCE-103': '63000.1000000000',
      'BINANCE-9007199254740993': '63000.1000000000',
      'BINANCE-105': '0.0000000100',
      'BINANCE--5': '63000.1000000000',
      'BINANCE-107': '63000.1000000000',
    })
    expect(await query(lake, 'SELECT is_conflict FROM gold_duplicates ORDER BY "offset"')).toEqual([
      { is_conflict: true },
      { is_conflict: false },
    ])
    expect(await details(lake)).toEqual([
      'price_malformed: 1e-8; quantity_malformed: 5e10',
      'currency_unknown: BTCUSDT_260327',
      'price_must_be_positive: 0.0000000000; quantity_must_be_positive: 0.0000000000',
    ])
    await lake.close()
  })

  it.each([
    ['c07-binance-vision.csv', /it is Binance's CSV of trades; turn its rows into feed messages first/],
    ['c08-kraken-trades.csv', /it is Kraken's CSV of time and sales; it has neither ids nor sides/],
    ['c09-tardis.csv', /it is tardis' CSV of trades; turn its rows/],
  ])(
    '%s: what can not be loaded is named, with the way to load it, before anything is loaded',
    async (name, reason) => {
      const lake = newLake()
      const loading = loadCases(lake, binance, ['c11-negative-zero.jsonl', name])
      await expect(loading).rejects.toMatchObject({ code: 'file_unreadable', message: expect.stringMatching(reason) })
      expect(await lake.log.lanes(binance.topic)).toEqual([])
      await lake.close()
    },
  )

  it('a file that is packed with gzip is read as what is in it', async () => {
    const lake = newLake()
    expect(await loadCases(lake, binance, ['c10-binance.jsonl.gz'])).toMatchObject({ produced: 22, refused: 0 })
    await lake.close()
  })
})

describe('one bad value', () => {
  it('S3: a negative zero, with however many zeros, is a dead letter, and its neighbours go on', async () => {
    const lake = newLake()
    await loadCases(lake, binance, ['c11-negative-zero.jsonl'])
    await settle(lake)
    expect(Object.keys(await gold(lake, 'price')).sort()).toEqual(['BINANCE-1', 'BINANCE-3'])
    expect(await details(lake)).toEqual(['quantity_must_be_positive: 0.0000000000'])
    await lake.close()
  })

  it('T16: a time in seconds and one of another century are refused at the door, and nothing else is late for them', async () => {
    const lake = newLake()
    const files = ['c12-binance-seconds.jsonl', 'c13-binance-year-2200.jsonl', 'c11-negative-zero.jsonl']
    const report = await loadCases(lake, binance, files)
    expect(report.refusals.map(({ reason }) => reason)).toEqual([
      "the trade's time 1970-01-21T10:00:00.000Z is before 2017-07-14T00:00:00.000Z, which may be seconds where milliseconds are expected",
      "the trade's time 2200-01-01T00:00:00.000Z is after 2026-06-02T00:00:00.000Z",
    ])
    await settle(lake)
    expect(await query(lake, 'SELECT DISTINCT is_late FROM silver_binance_trades')).toEqual([{ is_late: false }])
    await lake.close()
  })

  it('T16: a lane that it had moved ahead under rules that trusted any time goes on rightly under those of today', async () => {
    const lake = newLake()
    const notAfter_us = BigInt(Date.UTC(2201, 0, 1)) * 1000n
    const { rules, lateness_delay_ms, reading, decoding } = SILVER_RULES
    const trusting = defineRuleSet(rules, lateness_delay_ms, { lateness_jump_ms: undefined, reading, decoding })
    await loadCases(lake, binance, ['c13', 'c11'].map(caseNamed), { notAfter_us })
    await drain(lake, { rules: trusting })
    await loadCases(lake, binance, ['c01', 'c06'].map(caseNamed))
    await settle(lake)
    const late = 'SELECT is_late, count(*)::INTEGER AS n FROM silver_binance_trades GROUP BY 1 ORDER BY 1'
    const [inTime, behind] = await query(lake, late)
    expect([inTime?.is_late, behind]).toEqual([false, { is_late: true, n: 2 }])
    const { checks } = await verifyLake(lake, { fromLog: true, signal: NEVER, onCheck: () => undefined })
    expect(checks.filter(({ outcome }) => outcome === 'failed')).toEqual([])
    await lake.close()
  })

  it('T16: let in by wider bounds, it makes nothing else late either', async () => {
    const lake = newLake()
    const files = [
      'c13-binance-year-2200.jsonl',
      'c11-negative-zero.jsonl',
      'c13-binance-year-2200.jsonl',
      'c01-binance-quotes.jsonl',
    ]
    const notAfter_us = BigInt(Date.UTC(2201, 0, 1)) * 1000n
    expect(await loadCases(lake, binance, files, { notAfter_us })).toMatchObject({ produced: 27, refused: 0 })
    await settle(lake)
    expect(await query(lake, 'SELECT count(*)::INTEGER AS n FROM silver_binance_trades WHERE is_late')).toEqual([
      { n: 0 },
    ])
    await lake.close()
  })
})

describe('a lake with all of it', () => {
  it('A3 S2: verify and a rebuild give the same rows, with the currencies that were added when they were judged', async () => {
    const lake = newLake()
    const notAfter_us = BigInt(Date.UTC(2201, 0, 1)) * 1000n
    const rules = extendRules(SILVER_RULES, { quotes: ['U'], bases: [], pairs: [] })
    await loadCases(lake, kraken, ['c02', 'c03', 'c04', 'c05'].map(caseNamed))
    await loadCases(lake, binance, ['c13', 'c01', 'c06', 'c13', 'c11'].map(caseNamed), { notAfter_us })
    await drain(lake, { rules })
    await loadCases(lake, kraken, ['c02', 'c04'].map(caseNamed))
    await loadCases(lake, binance, ['c10', 'c11'].map(caseNamed))
    await drain(lake)
    await checkInvariants(lake)
    const btcu = await query(lake, "SELECT currency FROM silver_binance_trades WHERE symbol = 'BTCU'")
    expect(btcu).toEqual([{ currency: 'U' }])
    const { checks } = await verifyLake(lake, { fromLog: true, signal: NEVER, onCheck: () => undefined })
    expect(checks.filter(({ outcome }) => outcome === 'failed')).toEqual([])
    const target = memoryLake({ exchanges: lake.exchanges, clock: lake.clock })
    const given = { rules: 'recorded', compare: true, onEvent: () => undefined } as const
    expect(await rebuildLake(lake, target, given, NEVER)).toMatchObject({ finished: true, is_same: true })
    for (const each of [lake, target]) await each.close()
  })
})

describe('records of another producer are judged rightly', () => {
  const JUDGED: readonly (readonly [name: string, deadLetter: string | undefined])[] = [
    ['av-46-ts-1', 'timestamp_out_of_range'],
    ['av-47-ts-in-seconds', 'timestamp_in_future'],
    ['av-48-ts-in-micros', 'timestamp_out_of_range'],
    ['av-49-null-key', undefined],
    ['av-50-quantity-0-12-zeros', 'quantity_must_be_positive'],
    ['av-51-price-0-400-zeros-1', 'price_not_representable'],
    ['av-52-price-18-digits-max', undefined],
    ['av-53-price-leading-zeros', undefined],
    ['av-54-symbol-lower', 'currency_unknown'],
    ['av-55-symbol-blank-around', 'symbol_malformed'],
    ['av-56-symbol-with-NUL', 'symbol_malformed'],
    ['av-57-event-type-aggTrade', 'event_is_no_trade'],
    ['av-58-trade-id-max-int64', undefined],
    ['av-59-record-trade-time-0', undefined],
    ['av-60-ingestion-ts-negative', undefined],
  ]

  it('S1 S3: each is a trade, or a dead letter with its reason', async () => {
    const lake = memoryLake()
    for (const [name] of JUDGED) await produceCase(lake, binance, `${name}.json`)
    await settle(lake)
    const deadLetters = await query(lake, 'SELECT kafka_offset::INTEGER AS o, error_reason AS r FROM silver_dlq_trades')
    const reasons = Object.fromEntries(deadLetters.map(({ o, r }) => [JUDGED[o as number]?.[0], r]))
    expect(reasons).toEqual(Object.fromEntries(JUDGED.filter(([, deadLetter]) => deadLetter !== undefined)))
    expect(await details(lake)).toContain('symbol_malformed: " BTCUSDT"')
    expect(await details(lake)).toContain('symbol_malformed: "BTC\\u0000USDT"')
    await lake.close()
  })
})
