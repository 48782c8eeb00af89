import { createHash } from 'node:crypto'
import type { ProduceBatch } from '@assay/core'
import { wireHeader } from '@assay/schema-registry'
import { describe, expect, test } from 'vitest'
import { exchangeNamed, exchanges, type SimulationOptions, simulate } from '../src/index.js'
import { type Judged, judge } from './judge.js'
import { madeUp } from './made-up/index.js'

const SCHEMA_ID = 3
const options = (changes: Partial<SimulationOptions>): SimulationOptions => ({
  exchange: exchangeNamed('binance'),
  schemaId: SCHEMA_ID,
  wireHeader,
  count: 20_000,
  seed: 7,
  startTime_ms: 1_700_000_000_000,
  ...changes,
})

function digest(batches: Iterable<ProduceBatch>): string {
  const hash = createHash('sha256')
  const parts: [Uint8Array, Uint8Array, BigInt64Array][] = []
  for (const { keys, values, timestamps_ms } of batches) parts.push([keys.data, values.data, timestamps_ms])
  for (const column of [0, 1, 2] as const) for (const part of parts) hash.update(part[column])
  return hash.digest('hex')
}

describe.each([...exchanges, madeUp])('simulated trades of $name', (exchange) => {
  const simulation = simulate(
    options({ exchange, duplicates: 0.05, invalid: 0.02, late: 0.01, symbols: 30, rate: 500 }),
  )
  const rows: Judged[] = [...simulation.batches].flatMap((batch) => judge(exchange, SCHEMA_ID, batch))
  const tally = simulation.tally()
  const firsts = new Map<string, Judged>()
  const repeated: Judged[] = []
  for (const row of rows.filter(({ reason }) => reason === undefined)) {
    if (firsts.has(row.trade)) repeated.push(row)
    else firsts.set(row.trade, row)
  }

  test('S1: the tally says what silver, the dead-letter queue and gold will hold', () => {
    const reasons: Record<string, number> = {}
    for (const { reason } of rows) if (reason !== undefined) reasons[reason] = (reasons[reason] ?? 0) + 1
    expect(reasons).toEqual(tally.invalid)
    expect(rows.length).toBe(tally.produced)
    expect(rows.length - Object.values(reasons).reduce((sum, count) => sum + count, 0)).toBe(tally.valid)
    expect(repeated.length).toBe(tally.duplicates)
    const bySymbol: Record<string, number> = {}
    for (const { symbol } of firsts.values()) bySymbol[symbol] = (bySymbol[symbol] ?? 0) + 1
    expect(bySymbol).toEqual(tally.by_symbol)
  })

  test('every fault that the exchange can have takes its turn', () => {
    expect(Object.keys(tally.invalid).length).toBe(exchange.simulated.sideIsText ? 15 : 14)
    const counts = Object.values(tally.invalid)
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
  })

  test('G1: a duplicate is an exact copy, key and timestamp included', () => {
    expect(repeated.length).toBeGreaterThan(500)
    for (const row of repeated) expect(row).toEqual(firsts.get(row.trade))
  })

  test('the late are two to ten minutes behind their symbol, the others hardly at all', () => {
    const newest = new Map<string, bigint>()
    let late = 0
    for (const { reason, symbol, event_time_us } of rows) {
      if (reason !== undefined) continue
      const behind_us = (newest.get(symbol) ?? event_time_us) - event_time_us
      if (behind_us >= 119_999_000n) {
        late++
        expect(behind_us).toBeLessThanOrEqual(600_001_000n)
      } else expect(behind_us).toBeLessThanOrEqual(10_000_000n)
      if (behind_us < 0n || !newest.has(symbol)) newest.set(symbol, event_time_us)
    }
    expect(late).toBe(tally.late)
    expect(late).toBeGreaterThan(100)
  })

  test('valid records are stamped with their event time rounded up to the ms', () => {
    for (const { reason, timestamp_ms, event_time_us } of rows) {
      if (reason !== undefined) continue
      const early_us = timestamp_ms * 1000n - event_time_us
      expect(early_us >= 0n && early_us <= 1000n).toBe(true)
    }
  })
})

test('the same seed gives the same bytes whatever the batches, another seed gives others', () => {
  const all = { duplicates: 0.1, invalid: 0.1, late: 0.1, count: 7000 }
  const first = digest(simulate(options(all)).batches)
  expect(digest(simulate(options({ ...all, batchRecords: 999 })).batches)).toBe(first)
  expect(digest(simulate(options({ ...all, seed: 8 })).batches)).not.toBe(first)
})

/** Of before there were options for disorder: whoever uses none of them gets the bytes of earlier versions. */
const EARLIER_BYTES = {
  binance: [
    '152721d882d1468d83f5c26ecfc1ae17a65211c4b8dceff3bda1f47d2758187a',
    'd204ce4b14ecad278cccaf228c985ffd1b36e9fd73b43ebc7ab7a7637ab825f5',
  ],
  kraken: [
    '51433fe7d07817610fe0005b4b879072fa66c37b752cda8eb69aebcf87d0daf3',
    '7dea144599d3cc9e920b8969fe14e6feda24e7246bd476c49faf8c4055459ff5',
  ],
  madeup: [
    '8d72bc52e1fb6b57319448da54b5e4d5cfc1a5f442d83e95e86395476d606624',
    '82e3a1117558d8cae3c74a04d95fa9e02306938fc283a104932004d7de5c7ac9',
  ],
}

test('a seed gives the bytes that it gave in earlier versions', () => {
  const mixed = { duplicates: 0.1, invalid: 0.1, late: 0.1, symbols: 40, skew: 0.7, rate: 333 }
  const bytes = [...exchanges, madeUp].map((exchange) => [
    exchange.name,
    [{}, mixed].map((more) => digest(simulate(options({ exchange, count: 3000, ...more })).batches)),
  ])
  expect(Object.fromEntries(bytes)).toEqual(EARLIER_BYTES)
})

test('trades of a symbol are numbered without holes', () => {
  const simulation = simulate(options({ count: 5000 }))
  const trades = [...simulation.batches].flatMap((batch) => judge(exchangeNamed('binance'), SCHEMA_ID, batch))
  const last = new Map<string, number>()
  for (const { trade } of trades) {
    const [symbol = '', id] = trade.split('/')
    expect(Number(id)).toBe((last.get(symbol) ?? 0) + 1)
    last.set(symbol, Number(id))
  }
})

test('skew: none is even, more favours the first symbols', () => {
  const share = (skew: number): number => {
    const simulation = simulate(options({ count: 10_000, symbols: 10, skew }))
    for (const _ of simulation.batches);
    return (simulation.tally().by_symbol.BTCUSDT ?? 0) / 10_000
  }
  expect(share(0)).toBeGreaterThan(0.08)
  expect(share(0)).toBeLessThan(0.12)
  expect(share(1)).toBeGreaterThan(0.3)
  expect(share(3)).toBeGreaterThan(0.7)
})

test('A6: batches are made as they are asked for', () => {
  const simulation = simulate(options({ count: Number.MAX_SAFE_INTEGER, batchRecords: 10 }))
  for (const batch of simulation.batches) {
    expect(batch.count).toBe(10)
    break
  }
  expect(simulation.tally().produced).toBe(10)
})

test('every mistake in the options is listed at once', () => {
  const wrong = {
    count: -1,
    seed: 0.5,
    rate: 0,
    symbols: 0,
    skew: Number.NaN,
    startTime_ms: 0,
    duplicates: 0.9,
    late: 0.2,
  }
  const call = (): unknown => simulate(options(wrong))
  for (const name of [...Object.keys(wrong).filter((key) => key !== 'duplicates' && key !== 'late'), 'more than all']) {
    expect(call).toThrow(new RegExp(name))
  }
  expect(call).toThrow(expect.objectContaining({ code: 'bad_simulation' }))
})
