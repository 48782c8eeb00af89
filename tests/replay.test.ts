import { commit, defaultMaintenance } from '@assay/iceberg'
import { statusReport } from '@assay/lake'
import { type DeadLetterFilter, DLQ_TABLE, GOLD_TABLE, openDeadLettersSql, silverTable } from '@assay/medallion'
import { FaultyStore } from '@assay/object-store'
import { countDeadLetters, listDeadLetters, maintainTables, runReplay, runResolve } from '@assay/operations'
import { replayLane } from '@assay/pipeline'
import { SILVER_RULES } from '@assay/rules'
import { describe, expect, it } from 'vitest'
import { doubled, rewriteFile } from './support/damage.js'
import { misjudgedLake, NEVER, produceBinance, REPLAY, tradesWithRejects, WRONG_RULES } from './support/dead-letters.js'
import { drain, runUntil } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { binanceRecord, keyFor, produce, registerSchema, START_MS } from './support/records.js'
import { query } from './support/tables.js'

const LIMITS = { maxRows: 4, maxBytes: 2 ** 20, maxPartitions: 64 }
const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000

async function one(lake: MemoryLake, sql: string): Promise<unknown> {
  return Object.values((await query(lake, sql))[0] ?? {})[0]
}

/** The lake as another process sees it. */
function again({ store, log, clock }: MemoryLake): MemoryLake {
  return memoryLake({ store, log, clock })
}

describe('a dead letter that the mended rules let pass', () => {
  it('D1 A5: is in silver and gold once, under its own coordinates', async () => {
    const lake = await misjudgedLake(tradesWithRejects(4, 4))
    await checkInvariants(lake)
    const report = await runReplay(lake, REPLAY, NEVER)
    expect(report).toMatchObject({ selected: 1, passed: 1, still_failing: 0, finished: true, reasons: {} })
    await drain(lake)
    await checkInvariants(lake)
    expect(
      await query(
        lake,
        `SELECT trade_id, "offset", replay_id, is_late, lateness_ms, origin, origin_id = replay_id AS is_named
         FROM gold_crypto_trades WHERE replay_id IS NOT NULL`,
      ),
    ).toEqual([
      {
        trade_id: 'BINANCE-1',
        offset: 0n,
        replay_id: report.replay_id,
        is_late: null,
        lateness_ms: null,
        origin: 'replay',
        is_named: true,
      },
    ])
    const gold = await (await lake.table(GOLD_TABLE)).pin()
    expect(gold.checkpoint.lanes.get(replayLane(silverTable('binance')))?.position).toBe(1n)

    expect(
      await query(
        lake,
        `SELECT from_offset, rule_version FROM rule_sets WHERE topic = '~replay.silver_binance_trades'`,
      ),
    ).toEqual([{ from_offset: 0n, rule_version: SILVER_RULES.version }])
    expect(await runReplay(lake, REPLAY, NEVER)).toMatchObject({ selected: 0, passed: 0, still_failing: 0 })
    await produceBinance(lake, [{ trade_id: 1, price: '500' }])
    await drain(lake)
    await checkInvariants(lake)
    expect(await one(lake, 'SELECT kept_offset FROM gold_duplicates')).toBe(0n)
    await lake.close()
  })

  it('D1 G1: many batches over many days, far behind what gold has read, with dead letters that fail in between', async () => {
    const trades = tradesWithRejects(24, 2).map((trade, i) => ({
      ...trade,
      time: START_MS + (i % 5) * DAY_MS,
      ...(i % 8 === 0 && { price: '-1' }),
    }))
    const lake = await misjudgedLake(trades)
    const report = await runReplay(lake, { ...REPLAY, limits: { ...LIMITS, maxPartitions: 3 } }, NEVER)
    expect(report).toMatchObject({ selected: 12, passed: 9, still_failing: 3, reasons: { price_must_be_positive: 3 } })
    await drain(lake, { limits: { maxRows: 5 } })
    await checkInvariants(lake)
    expect(await one(lake, 'SELECT count(*)::INTEGER FROM gold_crypto_trades')).toBe(21)
    await lake.close()
  })

  it('T11 G1: reaches a gold that has read nothing yet by the lane of replays alone', async () => {
    const lake = memoryLake()
    await produceBinance(lake, tradesWithRejects(12, 2))
    await drain(lake, { layers: ['bronze', 'silver'], rules: WRONG_RULES })
    await runReplay(lake, REPLAY, NEVER)
    await maintainTables(lake, new Set(['compact']), false)
    await drain(lake, { layers: ['gold'], limits: { maxRows: 5 } })
    await checkInvariants(lake)
    expect(await one(lake, 'SELECT count(*)::INTEGER FROM gold_crypto_trades')).toBe(12)
    expect(await one(lake, 'SELECT count(*)::INTEGER FROM gold_duplicates')).toBe(0)
    await lake.close()
  })
})

describe('what still fails', () => {
  it('D2: stays in the queue, once, and nothing of it reaches silver', async () => {
    const lake = await misjudgedLake(tradesWithRejects(6, 2))
    const before = await query(lake, 'FROM silver_dlq_trades ORDER BY ALL')
    const failing = { selected: 3, passed: 0, still_failing: 3, reasons: { price_implausible: 3 } }
    for (const _ of [1, 2])
      expect(await runReplay(lake, { ...REPLAY, rules: WRONG_RULES }, NEVER)).toMatchObject(failing)
    expect(await query(lake, 'FROM silver_dlq_trades ORDER BY ALL')).toEqual(before)
    await checkInvariants(lake)
    await lake.close()
  })
})

describe('a damaged queue', () => {
  it('D1: a dead letter that is in it twice is replayed not even once, and the error names the tables', async () => {
    const lake = await misjudgedLake(tradesWithRejects(4, 4))
    await rewriteFile(lake, DLQ_TABLE, doubled('true'))
    await expect(runReplay(lake, REPLAY, NEVER)).rejects.toMatchObject({
      code: 'letters_inconsistent',
      message: expect.stringMatching(/silver_dlq_trades.*bronze_binance_trades/),
      hint: expect.stringContaining('assay verify'),
    })
    expect(await one(lake, 'SELECT count(*) FROM silver_binance_trades WHERE replay_id IS NOT NULL')).toBe(0n)
    await lake.close()
  })
})

describe('the ledger of replays', () => {
  it('D3: has who, when, which filter, which rules, how many, of every replay', async () => {
    const lake = await misjudgedLake(tradesWithRejects(12, 2))
    const filter = { errorTypes: ['price_validation'] as const, dates: { first: '2026-01-01', last: '2026-01-02' } }
    const { replay_id } = await runReplay(lake, { ...REPLAY, filter, limits: LIMITS }, NEVER)
    const rows = await query(lake, 'FROM replays ORDER BY finished_at NULLS FIRST')
    expect(rows).toHaveLength(2)
    expect(rows[0]).toMatchObject({ replay_id, finished_at: null, selected: null })
    expect(rows[1]).toMatchObject({ replay_id, selected: 6n, passed: 6n, still_failing: 0n, dry_run: false, fix: null })
    expect(rows[1]).toMatchObject({ rule_version: SILVER_RULES.version, started_at: rows[0]?.started_at })
    expect(JSON.parse(String(rows[1]?.filter))).toEqual({
      source_table: 'silver_dlq_trades',
      target_table: 'silver_binance_trades',
      date_range: { first: '2026-01-01', last: '2026-01-02' },
      error_types: ['price_validation'],
    })
    const { replay_id: second } = await runReplay(lake, REPLAY, NEVER)
    expect(await one(lake, `SELECT selected FROM replays WHERE replay_id = '${second}'`)).toBe(0n)
    await lake.close()
  })

  it('D3: every command that takes a filter takes by day, type and time of rejection, and nothing else', async () => {
    // Of two days, and of two types: the wrong rule's, and quantities that are none.
    const trades = (first: number) =>
      Array.from({ length: 4 }, (_, i) => ({
        trade_id: first + i,
        time: START_MS + (i >> 1) * DAY_MS,
        ...(i % 2 === 0 ? { price: '500' } : { quantity: '-1' }),
      }))
    const lake = await misjudgedLake(trades(1))
    lake.clock.advance(2 * HOUR_MS)
    const between_ms = lake.clock.now_ms() - HOUR_MS
    await produceBinance(lake, trades(5))
    await drain(lake, { rules: WRONG_RULES })
    const dates = { first: '2026-01-02', last: '2026-01-02' }
    const errorTypes = ['quantity_validation'] as const
    const sourceTable = DLQ_TABLE.name
    const filters: DeadLetterFilter[] = [{ dates }, { errorTypes }, { rejectedSince_ms: between_ms }]
    for (const filter of filters) {
      const { selected } = await runReplay(lake, { ...REPLAY, filter, dryRun: true }, NEVER)
      const { total } = await listDeadLetters(lake, { sourceTable, filter, limit: 1 })
      expect({ filter, selected, total }).toEqual({ filter, selected: 4, total: 4n })
    }
    const which = { filter: { dates, errorTypes, rejectedSince_ms: between_ms } }
    expect(await runResolve(lake, { sourceTable, which, resolution: 'purged', note: 'a test' })).toBe(1)
    const { columns, rows } = await countDeadLetters(lake, 'source', between_ms)
    const counted = ['dead_letters', 'open'].map(
      (name) => rows[0]?.[columns.findIndex((column) => column.name === name)],
    )
    expect(counted).toEqual([4n, 3n])
    await lake.close()
  })

  it('D1 D4: dead letters of several partitions, a few at a time, are each taken once, dry or not', async () => {
    const lake = memoryLake()
    const id = await registerSchema(lake, binance)
    for (const partition of [2, 0, 1]) {
      const trades = tradesWithRejects(3, 1).map((trade, i) =>
        binanceRecord(
          binance,
          id,
          { ...trade, trade_id: partition * 10 + i, time: START_MS + i * DAY_MS },
          { key: keyFor(partition, 3) },
        ),
      )
      await produce(lake, binance, trades, 3)
    }
    await drain(lake, { layers: ['bronze', 'silver'], rules: WRONG_RULES })
    const request = { ...REPLAY, limits: { ...LIMITS, maxRows: 2 } }
    const all = { selected: 9, passed: 9, still_failing: 0, finished: true }
    expect(await runReplay(lake, { ...request, dryRun: true }, NEVER)).toMatchObject(all)
    expect(await runReplay(lake, request, NEVER)).toMatchObject(all)
    await drain(lake, { layers: ['gold'] })
    await checkInvariants(lake)
    expect(await one(lake, 'SELECT count(*)::INTEGER FROM gold_crypto_trades')).toBe(9)
    await lake.close()
  })
})

describe('--dry-run', () => {
  it('D4: writes nothing at all and tells the same counts', async () => {
    const lake = await misjudgedLake(tradesWithRejects(10, 2).map((t, i) => (i === 4 ? { ...t, price: '-5' } : t)))
    const writes: string[] = []
    const listening = new FaultyStore(lake.store, ({ method, key }) => {
      if (/put|delete/.test(method)) writes.push(`${method} ${key}`)
      return 'none'
    })
    const watched = memoryLake({ store: listening, log: lake.log, clock: lake.clock })
    const request = { ...REPLAY, limits: LIMITS }
    const { replay_id, ...dry } = await runReplay(watched, { ...request, dryRun: true }, NEVER)
    expect([replay_id, writes]).toEqual([undefined, []])
    const { replay_id: real, ...done } = await runReplay(watched, request, NEVER)
    expect(typeof real).toBe('string')
    expect(dry).toEqual(done)
    expect(done).toMatchObject({ selected: 5, passed: 4, still_failing: 1 })
    await watched.close()
    await lake.close()
  })
})

describe('several at once', () => {
  it('T11 failure 19: two replays of the same dead letters, and the workers beside them: each row once, in gold too', async () => {
    const lake = await misjudgedLake(tradesWithRejects(40, 2))
    await produceBinance(lake, tradesWithRejects(60, 3).slice(40))
    const [a, b] = [again(lake), again(lake)]
    const stop = new AbortController()
    const workers = runUntil(lake, stop.signal, { limits: { maxRows: 3 } })
    const request = { ...REPLAY, limits: LIMITS }
    const reports = await Promise.all([runReplay(a, request, NEVER), runReplay(b, request, NEVER)])
    stop.abort()
    await workers
    expect(reports.reduce((sum, { passed }) => sum + passed, 0)).toBe(20)
    await drain(lake)
    await checkInvariants(lake)
    expect(await one(lake, 'SELECT count(*)::INTEGER FROM gold_crypto_trades')).toBe(60)
    for (const each of [a, b, lake]) await each.close()
  })
})

describe('history cut by an expiry', () => {
  const IMPATIENT = { ...defaultMaintenance, snapshotsToKeep: 1, snapshotsKept_ms: 0, snapshotsToExpire: 1 }

  /** Silver and gold with replayed rows, as another engine's compaction leaves them. */
  async function expiredLake(): Promise<MemoryLake> {
    const { store, log, clock } = await misjudgedLake(tradesWithRejects(6, 2))
    const lake = memoryLake({ store, log, clock, maintenance: IMPATIENT })
    await runReplay(lake, REPLAY, NEVER)
    await drain(lake)
    return lake
  }

  async function expire(lake: MemoryLake, table: string, removes: (rows: string) => boolean): Promise<void> {
    const opened = await lake.table(lake.definitions.find(({ name }) => name === table) as never)
    const files = await opened.plan((await opened.pin()).version, { keep: (bounds) => bounds.hasValues('replay_id') })
    const removeFiles = removes(table) ? files.map(({ file }) => file.path) : []
    for (const change of [{ removeFiles }, {}, {}]) {
      lake.clock.advance(1_000)
      const prepare = () => ({ kind: 'proceed' as const, change: { operation: 'replace' as const, ...change } })
      expect((await commit(opened.table, { prepare })).kind).toBe('committed')
    }
  }

  it('T9 A4: is no rollback, though replayed rows lie far behind their topic', async () => {
    const lake = await expiredLake()
    for (const table of ['silver_binance_trades', 'gold_crypto_trades']) await expire(lake, table, () => false)
    await produceBinance(lake, [{ trade_id: 100 }])
    await drain(lake)
    expect(await runReplay(lake, REPLAY, NEVER)).toMatchObject({ selected: 0 })
    await checkInvariants(lake)
    await lake.close()
  })

  it('T9 D1: replayed rows that went with it are missed by the lane of replays', async () => {
    const lake = await expiredLake()
    await expire(lake, 'silver_binance_trades', () => true)
    await expect(runReplay(lake, REPLAY, NEVER)).rejects.toMatchObject({
      code: 'table_rolled_back',
      message: expect.stringContaining('~replay.silver_binance_trades/0'),
    })
    await lake.close()
  })
})

describe('a wrong rule', () => {
  it('D1 D3 D4: 2,000 dead letters: mend, dry-run, replay, gold has them; the rate of recovery is a query', async () => {
    const lake = await misjudgedLake(tradesWithRejects(4_000, 2))
    expect(await one(lake, 'SELECT count(*)::INTEGER FROM gold_crypto_trades')).toBe(2_000)
    const counts = { selected: 2_000, passed: 2_000, still_failing: 0 }
    expect(await runReplay(lake, { ...REPLAY, dryRun: true }, NEVER)).toMatchObject(counts)
    expect(await runReplay(lake, REPLAY, NEVER)).toMatchObject(counts)
    await drain(lake)
    await checkInvariants(lake)
    expect(await one(lake, 'SELECT count(*)::INTEGER FROM gold_crypto_trades')).toBe(4_000)
    expect(await runReplay(lake, REPLAY, NEVER)).toMatchObject({ selected: 0 })
    const rate = 'SELECT (sum(passed) / sum(selected))::DOUBLE FROM replays WHERE finished_at IS NOT NULL'
    expect(await one(lake, rate)).toBe(1)
    const { dead_letters } = await statusReport(lake)
    expect(dead_letters).toMatchObject([{ exchange: 'binance', judged: 4_000, rejected: 2_000, rate: 0.5 }])
    await lake.close()
  })
})

describe('an operator', () => {
  it('D5: closes a dead letter and opens it again; a replayed one stays closed', async () => {
    const lake = await misjudgedLake(tradesWithRejects(4, 2))
    const topic = 'market.crypto.trades.binance.raw'
    const which = { coordinates: [{ topic, partition: 0, offset: 0n }] }
    const resolve = (resolution: 'purged' | 'reopened') =>
      runResolve(lake, { sourceTable: 'silver_dlq_trades', which, resolution, note: 'a test' })
    const open = async () =>
      (
        await query(lake, `${openDeadLettersSql('silver_dlq_trades', 'silver_dlq_resolutions')} ORDER BY kafka_offset`)
      ).map(({ kafka_offset }) => kafka_offset)
    expect(await open()).toEqual([0n, 2n])
    expect(await resolve('purged')).toBe(1)
    expect(await open()).toEqual([2n])
    await expect(resolve('purged')).rejects.toMatchObject({ code: 'letters_not_found' })
    expect(await resolve('reopened')).toBe(1)
    expect(await open()).toEqual([0n, 2n])
    await runReplay(lake, REPLAY, NEVER)
    expect(await open()).toEqual([])
    await expect(resolve('reopened')).rejects.toMatchObject({ code: 'letters_not_found' })
    await drain(lake)
    await checkInvariants(lake)
    await lake.close()
  })
})
