import { type RebuildOptions, type RebuildReport, rebuildLake, verifyLake } from '@assay/audit'
import { CANDLES_TABLE } from '@assay/candles'
import { DLQ_TABLE, DUPLICATES_TABLE, GOLD_TABLE, REPLAYS_TABLE, RULE_SETS_TABLE, silverTable } from '@assay/medallion'
import { readRules, runReplay, runResolve } from '@assay/operations'
import { defineRuleSet, type RuleSet, ruleSetJson, SILVER_RULES } from '@assay/rules'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { altered, asEarlier, type Change, fileOf, rewriteFile, without } from '../support/damage.js'
import { drain } from '../support/drain.js'
import { binance, copiedLake, kraken, type MemoryLake, memoryLake } from '../support/memory-lake.js'
import {
  binanceRecord,
  keyFor,
  krakenRecord,
  produce,
  produceSimulated,
  registerSchema,
  START_MS,
} from '../support/records.js'
import { digests, query } from '../support/tables.js'
import { goldWorker, runAlone, silverWorker } from '../support/workers.js'

const SILVER = silverTable('binance')
const NEVER = new AbortController().signal

/** Rebuilds into a new lake, which comes back with the report; the tables of the old one must stay as they are. */
async function rebuild(
  lake: MemoryLake,
  options: Partial<RebuildOptions> = {},
): Promise<{ readonly report: RebuildReport; readonly target: MemoryLake }> {
  const before = await storedKeys(lake)
  const target = memoryLake({ exchanges: lake.exchanges, clock: lake.clock })
  const given = { rules: 'recorded', compare: true, onEvent: () => undefined, ...options } as const
  const report = await rebuildLake(lake, target, given, NEVER)
  expect(await storedKeys(lake)).toEqual(before)
  return { report, target }
}

async function storedKeys({ store }: MemoryLake): Promise<string[]> {
  const keys: string[] = []
  for await (const { key, size_bytes, modified_ms } of store.list('')) keys.push(`${key} ${size_bytes} ${modified_ms}`)
  return keys
}

function differences({ comparisons }: RebuildReport): string[] {
  return comparisons.flatMap(({ table, differences: found }) => found.map((text) => `${table}: ${text}`))
}

/** Two lanes with the same trades, of which gold met now one, now the other first. */
async function crossedLake(): Promise<MemoryLake> {
  const lake = memoryLake({ exchanges: [binance, kraken] })
  const id = await registerSchema(lake, binance)
  const trade = (partition: number, trade_id: number, price = '1') =>
    binanceRecord(binance, id, { trade_id, price }, { key: keyFor(partition, 2) })
  await produce(lake, binance, [trade(0, 1), trade(0, 2), trade(0, 2), trade(1, 3), trade(0, 9, 'x')], 2)
  await drain(lake, { limits: { maxRows: 3 } })
  await produce(lake, binance, [trade(1, 1, '2'), trade(0, 3), trade(1, 4), trade(1, 2), trade(0, 5)], 2)
  await drain(lake, { limits: { maxRows: 4 } })
  const krakenId = await registerSchema(lake, kraken)
  await produce(lake, kraken, [krakenRecord(kraken, krakenId, {}), krakenRecord(kraken, krakenId, {})])
  await drain(lake)
  return lake
}

let crossed: MemoryLake

beforeAll(async () => {
  crossed = await crossedLake()
}, 60_000)

afterAll(() => crossed.close())

describe('rebuild', () => {
  it('A3: gives the same rows whatever the batches, winners across lanes as the duplicates say', async () => {
    const lake = await copiedLake(crossed)
    const [counts] = await query(
      lake,
      `SELECT (count(*) FILTER (kept_partition = 0 AND "partition" = 1))::INTEGER AS won_by_0,
        (count(*) FILTER (kept_partition = 1 AND "partition" = 0))::INTEGER AS won_by_1 FROM gold_duplicates`,
    )
    expect(counts).toEqual({ won_by_0: 2, won_by_1: 1 })
    for (const batchRows of [2, 1000]) {
      const { report, target } = await rebuild(lake, { batchRows })
      expect(differences(report)).toEqual([])
      expect(report).toMatchObject({ finished: true, is_same: true })
      expect(report.comparisons.map(({ rows, rebuilt }) => rows === rebuilt)).not.toContain(false)
      const tables = (name: string) => /^silver|^gold|rule_sets/.test(name)
      expect(await digests(target, tables)).toEqual(await digests(lake, tables))
      await target.close()
    }
    await lake.close()
  })

  it('A3: simulated trades of two exchanges, and the new lake is one that verifies and that workers go on with', async () => {
    const lake = memoryLake({ exchanges: [binance, kraken] })
    const options = { count: 90, duplicates: 0.1, invalid: 0.1, late: 0.1 }
    await produceSimulated(lake, binance, options, 3)
    await produceSimulated(lake, kraken, { ...options, count: 40 }, 2)
    await drain(lake, { limits: { maxRows: 40 } })
    const { report, target } = await rebuild(lake, { batchRows: 30 })
    expect(differences(report)).toEqual([])
    const { checks } = await verifyLake(target, { fromLog: false, signal: NEVER, onCheck: () => undefined })
    const ofGold = checks.filter(({ promise, subject }) => /^G|chain/.test(promise) && subject.startsWith('gold'))
    expect(ofGold.filter(({ outcome }) => outcome !== 'ok')).toEqual([])
    expect(ofGold.length).toBeGreaterThan(4)
    await target.close()
    await lake.close()
  })

  it('A3 S2: each record by the rules that judged it first, or all by those of today', async () => {
    const lake = memoryLake()
    const rule = {
      name: 'price_not_too_dear',
      predicate: 'price IS NULL OR price < 1000',
      reason: 'price_too_high',
      type: 'price_validation',
      value: 'price::VARCHAR',
      since: '0.1.0',
    } as const
    const strict = defineRuleSet([...SILVER_RULES.rules, rule], SILVER_RULES.lateness_delay_ms)
    const id = await registerSchema(lake, binance)
    await produce(
      lake,
      binance,
      [1, 2, 3].map((trade_id) => binanceRecord(binance, id, { trade_id, price: '5000' })),
    )
    await drain(lake, { layers: ['bronze'] })
    await runAlone(await silverWorker(lake, binance, { rules: strict, limits: { maxRows: 2 } }))
    await produce(
      lake,
      binance,
      [4, 5].map((trade_id) => binanceRecord(binance, id, { trade_id, price: '6000' })),
    )
    await drain(lake, { layers: ['bronze', 'silver'] })
    await runAlone(await goldWorker(lake))
    const { report, target } = await rebuild(lake, { batchRows: 2 })
    expect(differences(report)).toEqual([])
    expect(await query(target, 'SELECT count(*)::INTEGER AS n FROM silver_dlq_trades')).toEqual([{ n: 3 }])
    await target.close()
    const present = await rebuild(lake, { rules: 'present' })
    expect(present.report.is_same).toBe(false)
    expect(await query(present.target, 'SELECT count(*)::INTEGER AS n FROM gold_crypto_trades')).toEqual([{ n: 5 }])
    await present.target.close()
    await lake.close()
  })

  it('A3: what differs is found, by its table and place', async () => {
    for (const [definition, change, text] of [
      [
        SILVER,
        altered('price', 'price + 1', 'rn = 0'),
        /^silver_binance_trades: .*raw\/[01]\/0: price is 1\.0000000000, not 2\.0/,
      ],
      [GOLD_TABLE, without('rn = 0'), /^gold_crypto_trades: .* was derived, but is not in the lake/],
      [DUPLICATES_TABLE, altered('is_conflict', 'NOT is_conflict', 'rn = 0'), /^gold_duplicates: .*is_conflict is/],
    ] as const) {
      const lake = await copiedLake(crossed)
      await rewriteFile(lake, definition, change)
      const { report, target } = await rebuild(lake)
      expect(report.is_same).toBe(false)
      expect(differences(report).join('\n')).toMatch(text)
      await target.close()
      await lake.close()
    }
  })

  it('A3 D5: a dead letter is compared whatever was said of it, unless it was purged and is gone', async () => {
    const lake = await copiedLake(crossed)
    const isIt = "error_reason = 'price_malformed'"
    const found = async (change: Change): Promise<string[]> => {
      const copy = await copiedLake(lake)
      await rewriteFile(copy, DLQ_TABLE, change)
      const { report, target } = await rebuild(copy)
      await target.close()
      await copy.close()
      return differences(report)
    }
    const resolve = async (resolution: 'purged' | 'reopened'): Promise<void> => {
      lake.clock.advance(1_000)
      await runResolve(lake, { sourceTable: DLQ_TABLE.name, which: { filter: {} }, resolution, note: 'a test' })
    }
    await resolve('purged')
    expect(await found(without(isIt))).toEqual([])
    expect(await found(altered('error_detail', "'changed'", isIt))).toEqual([expect.stringContaining('error_detail')])
    await resolve('reopened')
    expect(await found(without(isIt))).toEqual([expect.stringContaining('was derived, but is not in the lake')])
    await lake.close()
  })

  it('W1 A3: candles up to the watermarks that they had reached, of the trades that they had taken', async () => {
    const lake = memoryLake()
    const id = await registerSchema(lake, binance)
    const minute = 60_000
    const trade = (trade_id: number, at_ms: number, partition = 0) =>
      binanceRecord(binance, id, { trade_id, time: at_ms }, { key: keyFor(partition, 2) })
    const produceAt = (ids: readonly number[], from_ms: number, partition = 0) =>
      produce(
        lake,
        binance,
        ids.map((n, i) => trade(n, from_ms + i * 7_000, partition)),
        2,
      )
    await produceAt([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], START_MS)
    await drain(lake, { limits: { maxRows: 5 } })
    // Late for the windows that were closed, and from a lane that began later.
    await produceAt([21, 22, 23], START_MS + 1_000, 1)
    await drain(lake, { limits: { maxRows: 5 } })
    // Gold is ahead of candles.
    await produceAt([13, 14, 15], START_MS + 5 * minute)
    await produceAt([24], START_MS + 3_000, 1)
    await drain(lake, { layers: ['bronze', 'silver', 'gold'] })
    const taken =
      "SELECT sum(trades)::INTEGER AS n, max(revision)::INTEGER AS r FROM gold_candles WHERE window_size = '1m'"
    expect(await query(lake, taken)).toEqual([{ n: 15, r: 2 }])
    for (const batchRows of [1, 1000]) {
      const { report, target } = await rebuild(lake, { batchRows })
      expect(differences(report)).toEqual([])
      expect(report.comparisons.at(-1)).toMatchObject({ table: CANDLES_TABLE.name, rows: 2n, rebuilt: 2n })
      expect(await query(target, taken)).toMatchObject([{ n: 15 }])
      await target.close()
    }
    await rewriteFile(lake, CANDLES_TABLE, altered('volume', 'volume + 1', 'rn = 0'))
    const { report, target } = await rebuild(lake)
    expect(differences(report)).toEqual([
      expect.stringMatching(/^gold_candles: BINANCE\/BTCUSDT\/USDT\/1m\/.*: volume is /),
    ])
    await target.close()
    await lake.close()
  })

  it('refuses a lake that holds tables', async () => {
    const lake = await copiedLake(crossed)
    const options = { rules: 'recorded', compare: false, onEvent: () => undefined } as const
    const again = rebuildLake(lake, lake, options, NEVER)
    await expect(again).rejects.toMatchObject({ code: 'lake_not_empty' })
    await lake.close()
  })
})

/** The rules with another bound of the price, as from a file. */
function priceAbove(lake: MemoryLake, bound: number): Promise<RuleSet> {
  const rules = SILVER_RULES.rules.map((rule) =>
    rule.name === 'price_positive' ? { ...rule, predicate: `price > ${bound}` } : rule,
  )
  return readRules(lake, ruleSetJson(defineRuleSet(rules, SILVER_RULES.lateness_delay_ms)))
}

const DEAD_LETTERS = { sourceTable: 'silver_dlq_trades', dryRun: false, filter: {} }

function correctionOf(topic: string, deadLetters: Readonly<Record<number, object>>): string {
  return Object.entries(deadLetters)
    .map(([offset, fields]) => JSON.stringify({ coordinate: `${topic}/0/${offset}`, fields }))
    .join('\n')
}

/**
 * Dead letters of two exchanges, replayed in several batches: as they are and corrected, by the built-in rules and by
 * others. Of Binance's, 0 (7) and 2 (8) only break the rules of their time, 3 (-1) and 6 (-3) any, and 4 is no record.
 */
async function replayedLake(): Promise<MemoryLake> {
  const lake = memoryLake({ exchanges: [binance, kraken] })
  const id = await registerSchema(lake, binance)
  const krakenId = await registerSchema(lake, kraken)
  const trade = (trade_id: number, price: string) => binanceRecord(binance, id, { trade_id, price })
  const junk = { key: Buffer.from('k'), value: Buffer.from('junk'), timestamp_ms: BigInt(START_MS) }
  await produce(lake, binance, [trade(1, '7'), trade(2, '100'), trade(3, '8'), trade(4, '-1'), junk, trade(1, '90')])
  await produce(lake, kraken, [krakenRecord(kraken, krakenId, { price: '0' }), krakenRecord(kraken, krakenId, {})])
  await drain(lake, { layers: ['bronze'] })
  await runAlone(await silverWorker(lake, binance, { rules: await priceAbove(lake, 50) }))
  await drain(lake)
  await produce(lake, binance, [trade(8, '-3'), trade(1, '7')])
  await drain(lake)
  const limits = { maxRows: 2, maxBytes: 2 ** 20, maxPartitions: 8 }
  const whole = { event_type: 'trade', event_time_ms: START_MS, symbol: 'BTCUSDT', trade_id: '5', price: '20' }
  const rest = { quantity: '2', trade_time_ms: START_MS, is_buyer_maker: true, ingestion_timestamp: 5 }
  const fix = correctionOf(binance.topic, { 2: { price: '30' }, 3: { price: '12' }, 4: { ...whole, ...rest } })
  const target = { ...DEAD_LETTERS, targetTable: SILVER.name, limits }
  await runReplay(lake, { ...target, fix, rules: await priceAbove(lake, 10) }, NEVER)
  await runReplay(lake, { ...target, rules: await priceAbove(lake, 5) }, NEVER)
  await runReplay(lake, { ...target, fix: correctionOf(binance.topic, { 6: { price: '3', quantity: '9' } }) }, NEVER)
  const ofKraken = correctionOf(kraken.topic, { 0: { price: '7' } })
  await runReplay(lake, { ...DEAD_LETTERS, targetTable: 'silver_kraken_trades', fix: ofKraken }, NEVER)
  await drain(lake)
  return lake
}

describe('rebuild of replayed dead letters', () => {
  let replayed: MemoryLake

  beforeAll(async () => {
    replayed = await replayedLake()
  }, 60_000)

  afterAll(() => replayed.close())

  const places = (lake: MemoryLake) =>
    query(
      lake,
      `SELECT exchange, "offset"::INTEGER AS o, replay_sequence::INTEGER AS s, price::DOUBLE AS price
       FROM (FROM silver_binance_trades UNION ALL FROM silver_kraken_trades) WHERE replay_id IS NOT NULL ORDER BY ALL`,
    )

  it('A3 D1 S2: come again in their order, with their corrections and by the rules of their replay', async () => {
    const lake = await copiedLake(replayed)
    const { checks } = await verifyLake(lake, { fromLog: true, signal: NEVER, onCheck: () => undefined })
    expect(checks.filter(({ outcome }) => outcome === 'failed')).toEqual([])
    const derived = checks.filter(({ claim }) => claim.startsWith('replayed rows are'))
    expect(derived.map(({ numbers }) => numbers)).toEqual([
      { derived: 5n, replayed: 5n },
      { derived: 1n, replayed: 1n },
    ])
    for (const batchRows of [2, 1000]) {
      const { report, target } = await rebuild(lake, { batchRows })
      expect(differences(report)).toEqual([])
      expect(report).toMatchObject({ finished: true, is_same: true })
      const tables = (name: string) => /^silver_(binance|kraken)|^gold_(crypto|dup)|rule_sets/.test(name)
      expect(await digests(target, tables)).toEqual(await digests(lake, tables))
      expect(await places(target)).toEqual([
        { exchange: 'BINANCE', o: 0, s: 3, price: 7 },
        { exchange: 'BINANCE', o: 2, s: 0, price: 30 },
        { exchange: 'BINANCE', o: 3, s: 1, price: 12 },
        { exchange: 'BINANCE', o: 4, s: 2, price: 20 },
        { exchange: 'BINANCE', o: 6, s: 4, price: 3 },
        { exchange: 'KRAKEN', o: 0, s: 0, price: 7 },
      ])
      await target.close()
    }
    await lake.close()
  })

  it('A3: those that an earlier version brought into gold, and those with a wrong number', async () => {
    const one = '"offset" = 2 AND replay_id IS NOT NULL'
    for (const [change, differing] of [
      [asEarlier(GOLD_TABLE, one), []],
      [altered('replay_sequence', '7', one), [/raw\/0\/2: replay_sequence is 0, not 7/]],
    ] as const) {
      const lake = await copiedLake(replayed)
      const { files } = await fileOf(lake, GOLD_TABLE)
      for (let nth = 0; nth < files; nth++) await rewriteFile(lake, GOLD_TABLE, change)
      const { report, target } = await rebuild(lake, {})
      expect(differences(report)).toEqual(differing.map((text) => expect.stringMatching(text)))
      await target.close()
      await lake.close()
    }
  })

  it('A3: by the rules of today, corrections stand for what these still reject, numbered anew', async () => {
    const { report, target } = await rebuild(replayed, { rules: 'present', batchRows: 2 })
    expect(report.comparisons.map(({ table }) => table)).not.toContain('ledgers')
    expect(await places(target)).toEqual([
      { exchange: 'BINANCE', o: 3, s: 0, price: 12 },
      { exchange: 'BINANCE', o: 4, s: 1, price: 20 },
      { exchange: 'BINANCE', o: 6, s: 2, price: 3 },
      { exchange: 'KRAKEN', o: 0, s: 0, price: 7 },
    ])
    expect(await query(target, 'SELECT DISTINCT rule_version FROM rule_sets')).toEqual([
      { rule_version: SILVER_RULES.version },
    ])
    const gold = `SELECT (SELECT count(*) FROM gold_crypto_trades)::INTEGER + (SELECT count(*) FROM gold_duplicates)::INTEGER AS n`
    expect(await query(target, gold)).toEqual([{ n: 10 }])
    await target.close()
  })

  it.each([
    [
      'corrections of no use',
      REPLAYS_TABLE,
      altered('fix', `replace(fix, 'price', 'prise')`, 'true'),
      /no field prise/,
    ],
    ['a replay that the ledger lost', REPLAYS_TABLE, without('fix IS NULL'), /raw\/0\/0 .* does not hold/],
    [
      'rules that are none',
      RULE_SETS_TABLE,
      altered('rules', `replace(rules, 'price > 5"', 'price >"')`, 'true'),
      /noted as rules-.*price_positive, predicate/,
    ],
  ] as const)(
    'A3: %s: told with their place, compared or not, and all else comes again',
    async (_, table, change, text) => {
      const lake = await copiedLake(replayed)
      const { files } = await fileOf(lake, table)
      for (let nth = 0; nth < files; nth++) await rewriteFile(lake, table, change)
      for (const compare of [true, false]) {
        const { report, target } = await rebuild(lake, { compare })
        expect(report).toMatchObject({ finished: true, is_same: false })
        const ledgers = report.comparisons.find((one) => one.table === 'ledgers')
        expect(ledgers?.differences.join('\n')).toMatch(text)
        expect(ledgers?.rebuilt).toBeLessThan(6n)
        expect(BigInt((await places(target)).length)).toBe(ledgers?.rebuilt)
        await target.close()
      }
      await lake.close()
    },
  )
})
