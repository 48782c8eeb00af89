import { type LogLine, OutageError } from '@assay/core'
import { statusReport } from '@assay/lake'
import { retainInTurns, runReplay, runResolve, runRetention } from '@assay/operations'
import { describe, expect, it } from 'vitest'
import { misjudgedLake, NEVER, produceBinance, REPLAY, tradesWithRejects, WRONG_RULES } from './support/dead-letters.js'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { deadLetterOffsets } from './support/kill-jobs.js'
import { memoryLake } from './support/memory-lake.js'
import { query } from './support/tables.js'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const TOPIC = 'market.crypto.trades.binance.raw'

describe('retention', () => {
  it('D5 S1: 30 days in the queue, 90 in the archive, then a resolution is what remains', async () => {
    const lake = await misjudgedLake(tradesWithRejects(4, 2))
    lake.clock.advance(30 * DAY_MS - HOUR_MS)
    for (const dryRun of [true, false]) expect(await runRetention(lake, dryRun)).toEqual({ archived: 0, purged: 0 })
    lake.clock.advance(2 * HOUR_MS)
    expect(await runRetention(lake, true)).toEqual({ archived: 2, purged: 0 })
    const deadLetters = await query(lake, 'FROM silver_dlq_trades ORDER BY ALL')
    expect(await runRetention(lake, false)).toEqual({ archived: 2, purged: 0 })
    expect(await query(lake, 'SELECT * EXCLUDE archived_at FROM silver_dlq_trades_archive ORDER BY ALL')).toEqual(
      deadLetters,
    )
    expect(await deadLetterOffsets(lake)).toEqual({ queue: [], archive: [0n, 2n], archived: [0n, 2n], purged: [] })
    expect((await statusReport(lake)).dead_letters).toMatchObject([{ rejected: 2 }])
    await checkInvariants(lake)
    lake.clock.advance(90 * DAY_MS - HOUR_MS)
    for (const dryRun of [true, false]) expect(await runRetention(lake, dryRun)).toEqual({ archived: 0, purged: 0 })
    lake.clock.advance(2 * HOUR_MS)
    expect(await runRetention(lake, true)).toEqual({ archived: 0, purged: 2 })
    expect(await runRetention(lake, false)).toEqual({ archived: 0, purged: 2 })
    expect(await runRetention(lake, false)).toEqual({ archived: 0, purged: 0 })
    expect(await deadLetterOffsets(lake)).toEqual({ queue: [], archive: [], archived: [0n, 2n], purged: [0n, 2n] })
    await checkInvariants(lake)
    await lake.close()
  })

  it('D5: an archived dead letter can be replayed, and what was resolved lately is kept on', async () => {
    const lake = await misjudgedLake(tradesWithRejects(6, 2))
    lake.clock.advance(31 * DAY_MS)
    await runRetention(lake, false)
    lake.clock.advance(60 * DAY_MS)
    const archived = { ...REPLAY, sourceTable: 'silver_dlq_trades_archive' }
    const which = { coordinates: [{ topic: TOPIC, partition: 0, offset: 0n }] }
    await runResolve(lake, { sourceTable: archived.sourceTable, which, resolution: 'purged', note: 'a test' })
    expect(await runReplay(lake, archived, NEVER)).toMatchObject({ selected: 2, passed: 2 })
    await drain(lake)
    lake.clock.advance(90 * DAY_MS - HOUR_MS)
    for (const dryRun of [true, false]) expect(await runRetention(lake, dryRun)).toEqual({ archived: 0, purged: 0 })
    lake.clock.advance(2 * HOUR_MS)
    expect(await runRetention(lake, true)).toEqual({ archived: 0, purged: 3 })
    expect(await runRetention(lake, false)).toEqual({ archived: 0, purged: 3 })
    await checkInvariants(lake)
    await lake.close()
  })

  it('D5: two runs at once, beside a worker that writes dead letters, move each dead letter once', async () => {
    const lake = await misjudgedLake(tradesWithRejects(8, 2))
    lake.clock.advance(31 * DAY_MS)
    const { log, clock, store } = lake
    const [a, b] = [memoryLake({ log, clock, store }), memoryLake({ log, clock, store })]
    const replayed = runReplay(lake, { ...REPLAY, rules: WRONG_RULES }, NEVER)
    const reports = await Promise.all([runRetention(a, false), runRetention(b, false)])
    await replayed
    expect(reports.reduce((sum, { archived }) => sum + archived, 0)).toBe(4)
    expect(await deadLetterOffsets(lake)).toMatchObject({ queue: [], archive: [0n, 2n, 4n, 6n] })
    await checkInvariants(lake)
    for (const each of [a, b, lake]) await each.close()
  })

  it('status tells the share of dead letters of the last hour beside that of all time; a replay changes neither', async () => {
    const lake = await misjudgedLake(tradesWithRejects(4, 2))
    const rates = async () => (await statusReport(lake)).dead_letters[0]
    const all = { exchange: 'binance', judged: 4, rejected: 2, rate: 0.5 }
    expect(await rates()).toEqual({ ...all, last_hour: { judged: 4, rejected: 2, rate: 0.5 } })
    lake.clock.advance(2 * HOUR_MS)
    expect(await rates()).toEqual({ ...all, last_hour: { judged: 0, rejected: 0, rate: null } })
    await runReplay(lake, REPLAY, NEVER)
    expect(await rates()).toEqual({ ...all, last_hour: { judged: 0, rejected: 0, rate: null } })
    await produceBinance(lake, [{ trade_id: 90 }, { trade_id: 91, price: '-1' }, { trade_id: 92 }, { trade_id: 93 }])
    await drain(lake)
    expect(await rates()).toMatchObject({ judged: 8, last_hour: { judged: 4, rejected: 1, rate: 0.25 } })
    await lake.close()
  })

  it('D5: beside workers it is done again and again, makes nothing while nothing is due, and fails nobody', async () => {
    const lake = await misjudgedLake(tradesWithRejects(4, 2))
    const stop = new AbortController()
    const told: LogLine[] = []
    const tables: boolean[] = []
    let turns = 0
    const clock = {
      now_ms: () => lake.clock.now_ms(),
      monotonic_ms: () => lake.clock.monotonic_ms(),
      sleep: async (ms: number): Promise<void> => {
        tables.push((await lake.catalog.load('silver_dlq_trades_archive')) !== undefined)
        turns++
        lake.clock.advance(turns === 2 ? 31 * DAY_MS : ms)
        if (turns === 5) stop.abort()
      },
    }
    let engines = 0
    const engine = async () => {
      // The second turn finds no engine.
      if (++engines === 2) throw new OutageError('store_full', 'the disk is full')
      return lake.engine()
    }
    await retainInTurns({ ...lake, clock, engine }, (line) => told.push(line), stop.signal)
    expect(tables).toEqual([false, false, false, true, true])
    expect(told).toMatchObject([
      { level: 'warn', fields: { code: 'store_full' }, message: expect.stringContaining('tried again in 6 h') },
      { level: 'info', fields: { archived: 2, purged: 0 } },
    ])
    await checkInvariants(lake)
    await lake.close()
  })
})
