import { rowBytes } from '@assay/core'
import { wireHeader } from '@assay/schema-registry'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { exchangeNamed, type SimulationOptions, type SimulationTally, simulate } from '../src/index.js'
import { type Judged, judge } from './judge.js'

const SCHEMA_ID = 3
const START_US = 1_700_000_000_000_000n
const binance = exchangeNamed('binance')

/** Trades of Binance at 100 a second. */
const USUAL = {
  exchange: binance,
  schemaId: SCHEMA_ID,
  wireHeader,
  count: 1_000,
  seed: 7,
  startTime_ms: Number(START_US / 1000n),
  rate: 100,
}

/** Simulated trades, judged as silver does, with the tally. */
function simulated(changes: Partial<SimulationOptions>): {
  readonly rows: readonly Judged[]
  readonly tally: SimulationTally
} {
  const simulation = simulate({ ...USUAL, ...changes })
  const rows = [...simulation.batches].flatMap((batch) => judge(binance, SCHEMA_ID, batch))
  return { rows, tally: simulation.tally() }
}

/** The same as the records' bytes and stamps, which are quick to have. */
function unread(changes: Partial<SimulationOptions>) {
  const simulation = simulate({ ...USUAL, ...changes })
  const records: string[] = []
  const times_us: bigint[] = []
  for (const { count, keys, values, timestamps_ms } of simulation.batches) {
    for (let i = 0; i < count; i++) {
      const [key, value] = [keys, values].map((column) => Buffer.from(rowBytes(column, i) ?? []).toString('base64'))
      records.push(`${key} ${value} ${timestamps_ms[i]}`)
      times_us.push((timestamps_ms[i] ?? 0n) * 1000n)
    }
  }
  return { records, times_us, tally: simulation.tally() }
}

const timesOf = (rows: readonly Judged[]): bigint[] => rows.map(({ event_time_us }) => event_time_us)
const bytesOf = (rows: readonly Judged[]): string[] => rows.map(({ bytes }) => bytes)

/** How many rows come after one of a later time, and by how much at most. */
function disorderOf(times_us: readonly bigint[]): { readonly rows: number; readonly most_us: bigint } {
  let newest_us = 0n
  let disordered = 0
  let most_us = 0n
  for (const time_us of times_us) {
    if (time_us < newest_us) disordered++
    if (newest_us - time_us > most_us) most_us = newest_us - time_us
    if (time_us > newest_us) newest_us = time_us
  }
  return { rows: disordered, most_us }
}

describe('disorder', () => {
  test('stays within its bound, loses no record and doubles none, whatever the seed, bound and batches', () => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
          disorder_ms: fc.integer({ min: 11, max: 60_000 }),
          count: fc.integer({ min: 0, max: 200 }),
          batchRecords: fc.integer({ min: 1, max: 400 }),
          invalid: fc.constantFrom(0, 0.2),
        }),
        ({ disorder_ms, ...options }) => {
          const inOrder = unread(options)
          const { records, times_us, tally } = unread({ ...options, disorder_ms })
          expect(records.toSorted()).toEqual(inOrder.records.toSorted())
          expect(tally).toEqual({ ...inOrder.tally, disordered: tally.disordered })
          // At 100 a second all times are whole ms.
          const disorder = disorderOf(times_us)
          expect(disorder.most_us).toBeLessThanOrEqual(BigInt(disorder_ms) * 1000n)
          expect(disorder.rows).toBe(tally.disordered)
        },
      ),
      { numRuns: 20 },
    )
  })

  test('is there, and the tally counts it', () => {
    const { rows, tally } = simulated({ disorder_ms: 5_000 })
    const disorder = disorderOf(timesOf(rows))
    expect(disorder.rows).toBe(tally.disordered)
    expect(disorder.rows).toBeGreaterThan(800)
    expect(disorder.most_us).toBeGreaterThan(4_500_000n)
    expect(simulated({}).tally.disordered).toBe(0)
  })

  test('G1: a duplicate comes after the record that it repeats', () => {
    const { rows, tally } = simulated({ disorder_ms: 5_000, duplicates: 0.2 })
    expect(new Set(bytesOf(rows)).size).toBe(rows.length - tally.duplicates)
    expect(tally.duplicates).toBeGreaterThan(100)
  })

  test('the late are two to ten minutes behind what was sent of their symbol, as without it', () => {
    const { rows, tally } = simulated({ disorder_ms: 9_000, late: 0.2, symbols: 2 })
    const newest = new Map<string, bigint>()
    let late = 0
    for (const { symbol, event_time_us } of rows) {
      const behind_us = (newest.get(symbol) ?? event_time_us) - event_time_us
      if (behind_us > 9_000_000n) {
        late++
        expect(behind_us).toBeGreaterThanOrEqual(119_999_000n)
        expect(behind_us).toBeLessThanOrEqual(600_001_000n)
      }
      if (behind_us <= 0n) newest.set(symbol, event_time_us)
    }
    expect(late).toBe(tally.late)
    expect(late).toBeGreaterThan(100)
  })
})

describe('a stall', () => {
  test('is a gap of exactly its length from exactly its beginning, between two batches', () => {
    const stall = { from_ms: 4_000, duration_ms: 60_000 }
    const usual = timesOf(simulated({}).rows)
    const { rows, tally } = simulated({ stall })
    expect(timesOf(rows)).toEqual(
      usual.map((time_us) => (time_us < START_US + 4_000_000n ? time_us : time_us + 60_000_000n)),
    )
    expect(tally.produced).toBe(1_000)
  })

  test.each([
    { disorder_ms: 0, batchRecords: 1_000 },
    { disorder_ms: 0, batchRecords: 100 },
    { disorder_ms: 30_000, batchRecords: 1_000 },
    { disorder_ms: 30_000, batchRecords: 100 },
    { disorder_ms: 30_000, batchRecords: 77 },
  ])('is waited for once all before it is sent, nothing held back over it: %j', (options) => {
    const simulation = simulate({ ...USUAL, stall: { from_ms: 4_000, duration_ms: 60_000 }, ...options })
    const before: bigint[] = []
    const after: bigint[] = []
    let stalled_ms = 0
    for (const batch of simulation.batches) {
      const part = stalled_ms === 0 ? before : after
      part.push(...batch.timestamps_ms)
      stalled_ms = simulation.stalled_ms()
    }
    expect(stalled_ms).toBe(60_000)
    expect([before.length, after.length]).toEqual([400, 600])
    const start_ms = BigInt(USUAL.startTime_ms)
    for (const time_ms of before) expect(time_ms).toBeLessThan(start_ms + 4_000n)
    for (const time_ms of after) expect(time_ms).toBeGreaterThanOrEqual(start_ms + 64_000n)
  })
})

test('a clock jumps in exactly every so many records, which are valid, and in no other', () => {
  const usual = simulated({}).rows
  const { rows, tally } = simulated({ clockJump: { every: 30, ahead_ms: 86_400_000 } })
  for (const [i, { reason, event_time_us, timestamp_ms }] of rows.entries()) {
    const ahead_us = (i + 1) % 30 === 0 ? 86_400_000_000n : 0n
    expect(event_time_us - (usual[i]?.event_time_us ?? 0n)).toBe(ahead_us)
    expect([reason, timestamp_ms]).toEqual([undefined, (event_time_us + 999n) / 1000n])
  }
  expect([tally.clock_jumps, tally.valid, tally.late]).toEqual([33, 1_000, 0])
  const mixed = { duplicates: 0.4, invalid: 0.3, late: 0.3, clockJump: { every: 30, ahead_ms: 86_400_000 } }
  const late = simulated(mixed)
  const ahead = late.rows.filter((row) => row.reason === undefined && row.event_time_us > START_US + 80_000_000_000n)
  expect(ahead.length).toBe(33)
  expect(late.tally.clock_jumps).toBe(33)
})

test('the first trade happens at exactly the start', () => {
  for (const startTime_ms of [Date.UTC(1980, 0, 1), 1_709_208_000_123, Date.UTC(2160, 0, 1)]) {
    expect(simulated({ startTime_ms, count: 10 }).rows[0]?.event_time_us).toBe(BigInt(startTime_ms) * 1000n)
  }
})

describe('shares of symbols', () => {
  /** Trades of each symbol, the busiest first, of 10,000. */
  const counts = (changes: Partial<SimulationOptions>): number[] => {
    const { by_symbol } = unread({ count: 10_000, ...changes }).tally
    return binance.simulated.symbols.map(({ symbol }) => by_symbol[symbol] ?? 0)
  }

  test('a hot symbol has its share, the others share the rest as they would without', () => {
    const hot = [
      { symbol: 'XRPUSDT', share: 0.6 },
      { symbol: 'BTCUSDT', share: 0.1 },
    ]
    const [btc = 0, eth = 0, sol = 0, xrp = 0] = counts({ hot })
    // Five standard deviations of 10,000 draws are at most 250.
    expect(Math.abs(xrp - 6_000)).toBeLessThan(250)
    expect(Math.abs(btc - 1_000)).toBeLessThan(150)
    const [, usualEth = 0, usualSol = 0] = counts({})
    expect(Math.abs(eth / sol - usualEth / usualSol)).toBeLessThan(0.3)
  })

  test('a share of 1 leaves nothing to the others', () => {
    expect(counts({ hot: [{ symbol: 'BTCEUR', share: 1 }] }).filter((count) => count > 0)).toEqual([10_000])
  })

  test('an idle symbol has no record of any kind, the others share its trades', () => {
    const options = { idle: ['BTCUSDT', 'BTCFDUSD'], duplicates: 0.1, late: 0.1 }
    const trades = counts(options)
    expect(trades.filter((count) => count === 0).length).toBe(2)
    expect([trades[0], trades.at(-1)]).toEqual([0, 0])
    const { rows } = simulated({ ...options, invalid: 0.5 })
    const key = Buffer.from('BTCUSDT').toString('hex')
    expect(rows.some(({ bytes }) => bytes.startsWith(key))).toBe(false)
  })

  test("by Pareto's law the busier symbol has more, a fifth of them four fifths, and so on in that fifth", () => {
    const { by_symbol } = unread({ count: 10_000, symbols: 25, pareto: true }).tally
    const names = binance.simulated.symbols.map(({ symbol }) => symbol)
    const shares = Object.values(by_symbol).sort((a, b) => b - a)
    const part = (n: number): number => shares.slice(0, n).reduce((sum, count) => sum + count, 0) / 10_000
    expect(Math.abs(part(5) - 0.8)).toBeLessThan(0.02)
    expect(Math.abs(part(1) - 0.64)).toBeLessThan(0.02)
    const [first = 0, second = 0, third = 0] = names.map((name) => by_symbol[name] ?? 0)
    expect(first).toBeGreaterThan(second)
    expect(second).toBeGreaterThan(third)
  })
})

describe('options that ask for what cannot be had are refused, and named', () => {
  test.each<[Partial<SimulationOptions>, string]>([
    [{ hot: [{ symbol: 'FOO', share: 0.1 }] }, 'hot takes symbols that are simulated for binance (BTCUSDT, '],
    [{ hot: [{ symbol: 'SOLUSDT', share: 0.1 }], symbols: 2 }, '(BTCUSDT, ETHUSDT), not "SOLUSDT"'],
    [{ idle: ['FOO'] }, 'idle takes symbols that are simulated'],
    [{ idle: ['BTCUSDT', 'BTCUSDT'] }, 'idle names BTCUSDT twice'],
    [{ idle: ['BTCUSDT'], symbols: 1 }, 'idle names every symbol'],
    [{ idle: ['BTCUSDT'], hot: [{ symbol: 'BTCUSDT', share: 0.1 }] }, 'hot and idle both name BTCUSDT'],
    [{ hot: ['BTCUSDT', 'ETHUSDT'].map((symbol) => ({ symbol, share: 0.6 })) }, 'at most 1 together, not 1.2'],
    [{ hot: [{ symbol: 'BTCUSDT', share: 1.5 }] }, 'hot share of BTCUSDT must be a number from 0 to 1'],
    [{ hot: [{ symbol: 'BTCUSDT', share: 0.5 }], symbols: 1 }, 'shares of 1 together where no other symbol trades'],
    [{ pareto: true, skew: 1 }, 'skew and pareto ask for different shares'],
    [{ disorder_ms: 10 }, 'disorder takes more than the 0.01 s between two records'],
    [{ disorder_ms: 1_000_001 }, 'disorder takes at most 1000 s at 100 records a second'],
    [{ disorder_ms: 86_400_001 }, 'disorder_ms must be an integer from 0 to 86400000'],
    [{ stall: { from_ms: 9_991, duration_ms: 1 } }, 'stall takes a beginning before the last record'],
    [{ stall: { from_ms: 0, duration_ms: 0 } }, 'stall.from_ms must be an integer from 1'],
    [{ clockJump: { every: 1_001, ahead_ms: 1 } }, 'clock-jump takes at most the number of records, 1000'],
    [{ clockJump: { every: 1, ahead_ms: 0 } }, 'clockJump.ahead_ms must be an integer from 1'],
  ])('%j', (changes, message) => {
    expect(() => simulate({ ...USUAL, ...changes })).toThrow(
      expect.objectContaining({ code: 'bad_simulation', message: expect.stringContaining(message) }),
    )
  })

  test('and taken at their very limits', () => {
    for (const changes of [
      { disorder_ms: 11 },
      { stall: { from_ms: 9_990, duration_ms: 1 } },
      { clockJump: { every: 1_000, ahead_ms: 1 } },
      {
        hot: [0.7, 0.2, 0.1].map((share, i) => ({ symbol: ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'][i] ?? '', share })),
        symbols: 3,
      },
    ] satisfies Partial<SimulationOptions>[]) {
      expect(unread(changes).records.length).toBe(1_000)
    }
    // Not walked: 100,000 records held back.
    expect(() => simulate({ ...USUAL, disorder_ms: 1_000_000 })).not.toThrow()
  })
})
