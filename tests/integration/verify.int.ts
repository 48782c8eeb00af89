import { type Check, verifyLake } from '@assay/audit'
import { laneKey, position } from '@assay/core'
import {
  acceptGap,
  bronzeTable,
  DLQ_TABLE,
  DUPLICATES_TABLE,
  GAPS_TABLE,
  GOLD_TABLE,
  REPLAYS_TABLE,
  RESOLUTIONS_TABLE,
  RULE_SETS_TABLE,
  silverTable,
} from '@assay/medallion'
import { readRules, runReplay, runRetention } from '@assay/operations'
import type { TableDefinition } from '@assay/pipeline'
import { defineRuleSet, ruleSetJson, SILVER_RULES } from '@assay/rules'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  altered,
  asEarlier,
  type Change,
  doubled,
  editCheckpoint,
  fileOf,
  rewriteFile,
  without,
} from '../support/damage.js'
import { drain, runUntil } from '../support/drain.js'
import { binance, copiedLake, kraken, type MemoryLake, memoryLake } from '../support/memory-lake.js'
import { binanceRecord, keyFor, produce, produceSimulated, registerSchema } from '../support/records.js'
import { query } from '../support/tables.js'
import { runAlone, silverWorker } from '../support/workers.js'

const SILVER = silverTable('binance')
const NEVER = new AbortController().signal
const BRONZE = bronzeTable('binance')

/** What does not hold, as texts; with the log unless told otherwise. */
async function failures(lake: MemoryLake, fromLog = true): Promise<string[]> {
  const { checks } = await verifyLake(lake, { fromLog, signal: NEVER, onCheck: () => undefined })
  return checks.filter(({ outcome }) => outcome === 'failed').map(textOf)
}

function textOf({ promise, subject, found }: Check): string {
  return `${promise} ${subject}: ${found.join('; ')}`
}

/** Two lanes, with duplicates within a lane and across lanes, a conflict, dead letters, in several batches. */
async function usualLake(): Promise<MemoryLake> {
  const lake = memoryLake()
  const id = await registerSchema(lake, binance)
  const trade = (partition: number, trade_id: number, price = '100.5') =>
    binanceRecord(binance, id, { trade_id, price }, { key: keyFor(partition, 2) })
  await produce(lake, binance, [trade(0, 1), trade(0, 2), trade(0, 2), trade(0, 3, '-1'), trade(1, 4)], 2)
  await drain(lake, { limits: { maxRows: 3 } })
  await produce(lake, binance, [trade(1, 1), trade(1, 2, '7'), trade(1, 9, 'x'), trade(0, 5), trade(0, 6)], 2)
  await drain(lake, { limits: { maxRows: 4 } })
  return lake
}

let whole: MemoryLake

beforeAll(async () => {
  whole = await usualLake()
}, 60_000)

afterAll(() => whole.close())

describe('verify names what is wrong', () => {
  const cases: readonly (readonly [string, TableDefinition, Change, RegExp])[] = [
    ['S1: a row lost from bronze', BRONZE, without('rn = 1'), /S1 silver.*raw\/\d\/\d.* is in silver/],
    ['B2: a row of bronze that is there twice', BRONZE, doubled('rn = 0'), /B2 bronze.*raw\/0\/0 is there 2 times/],
    [
      'B1: a changed byte in bronze',
      BRONZE,
      altered('raw_bytes', 'raw_bytes || raw_bytes', 'rn = 0'),
      /B1 bronze.*raw\/0\/0: raw_bytes is \d+ bytes/,
    ],
    [
      'B4: a changed Kafka timestamp in bronze',
      BRONZE,
      altered('kafka_timestamp', "kafka_timestamp + INTERVAL '1 millisecond'", 'rn = 0'),
      /B1 bronze.*raw\/\d\/\d: kafka_timestamp is /,
    ],
    [
      'S1: a changed Kafka timestamp in silver',
      SILVER,
      altered('kafka_timestamp', "kafka_timestamp + INTERVAL '1 millisecond'", 'rn = 0'),
      /S1 silver.*kafka_timestamp is /,
    ],
    [
      'S1: a row lost from silver',
      SILVER,
      without('rn = 0'),
      /S1 silver.*raw\/\d\/\d should be in silver_binance_trades/,
    ],
    ['S1: a row of silver that is there twice', SILVER, doubled('rn = 0'), /S1 silver.*more than once/],
    [
      'S3: a changed price in silver',
      SILVER,
      altered('price', 'price + 0.0000000001', 'rn = 0'),
      /S1 silver.*price is 100.5000000001, not 100.5000000000/,
    ],
    [
      'S2: a row judged by other rules than it says',
      SILVER,
      altered('rule_version', "'rules-0'", 'rn = 0'),
      /S1 silver.*rule_version is rules-0/,
    ],
    ['S1: a lost dead letter', DLQ_TABLE, without('true'), /S1 silver_dlq_trades.*should be a dead letter/],
    [
      'S5: a changed byte of a dead letter',
      DLQ_TABLE,
      altered('raw_record', `'\\x00'::BLOB`, 'true'),
      /S1 silver_dlq_trades.*raw_record is 1 bytes/,
    ],
    ['G2: a row lost from gold', GOLD_TABLE, without('rn = 0'), /G2 gold.*neither in gold nor among its duplicates/],
    ['G1: a trade that gold has twice', GOLD_TABLE, doubled('rn = 0'), /G1 gold.*is there 2 times/],
    [
      'G2: a changed quantity in gold',
      GOLD_TABLE,
      altered('quantity', 'quantity * 2', 'rn = 0'),
      /G2 gold.*quantity is 0.5/,
    ],
    ['G2: a lost duplicate', DUPLICATES_TABLE, without('rn = 0'), /G2 gold.*neither in gold nor among its duplicates/],
    [
      'G2: another kept row',
      DUPLICATES_TABLE,
      altered('kept_offset', 'kept_offset + 1', 'rn = 0'),
      /G4 .*no row of that trade/,
    ],
    [
      'G4: a conflict that is called none',
      DUPLICATES_TABLE,
      altered('is_conflict', 'NOT is_conflict', 'true'),
      /G4 .*has is_conflict/,
    ],
    ['S2: a rule set that the ledger lost', RULE_SETS_TABLE, without('rn = 0'), /S2 silver.*nothing is noted before/],
  ]

  it.each(cases)('%s', async (_name, table, change, message) => {
    const lake = await copiedLake(whole)
    await rewriteFile(lake, table, change)
    expect((await failures(lake)).join('\n')).toMatch(message)
    await lake.close()
  })

  it.each([
    ['bronze forth', BRONZE, 1n, /B1 bronze.*the log ends at/],
    ['bronze back', BRONZE, -1n, /chain silver.*beyond|B2 bronze.*lies at or past/],
    ['silver forth', SILVER, 1n, /chain silver.*beyond the/],
    ['silver back', SILVER, -1n, /B2 silver.*lies at or past the position/],
    ['gold forth', GOLD_TABLE, 1n, /chain gold.*beyond the/],
    ['gold back', GOLD_TABLE, -1n, /B2 gold.*lies at or past the position/],
  ] as const)('A1: a checkpoint moved by hand: %s', async (_name, table, by, message) => {
    const lake = await copiedLake(whole)
    await editCheckpoint(lake, table, ({ lanes }) => {
      // The last lane's newest records are no rows of every table: it goes back to its start.
      const lane = Object.values(lanes).at(by > 0n ? 0 : -1)
      if (lane) lane.position = by > 0n ? String(BigInt(lane.position) + by) : '0'
    })
    const found = (await failures(lake)).join('\n')
    expect(found).toMatch(message)
    expect(found).toMatch(/chain .*its commit/)
    await lake.close()
  })

  it('A4: a data file that is gone, one that was cut, and one that is not Parquet, each by its name', async () => {
    const lake = await copiedLake(whole)
    const { file: gone } = await fileOf(lake, GOLD_TABLE)
    const { file: cut } = await fileOf(lake, SILVER)
    const { file: garbled } = await fileOf(lake, BRONZE)
    await lake.store.delete(gone.key)
    await lake.store.put(cut.key, ((await lake.store.get(cut.key)) as Uint8Array).subarray(1))
    await lake.store.put(garbled.key, new Uint8Array(garbled.file.size_bytes))
    const found = (await failures(lake)).join('\n')
    expect(found).toContain(`${gone.key} is missing`)
    expect(found).toContain(`${cut.key} has ${cut.file.size_bytes - 1} bytes, not ${cut.file.size_bytes}`)
    expect(found).toContain(`${garbled.key} cannot be read as Parquet`)
    await lake.close()
  })

  it('A4: a file with garbled pages, by its name, whatever the table', async () => {
    for (const table of [BRONZE, SILVER, GOLD_TABLE]) {
      const lake = await copiedLake(whole)
      const { file } = await fileOf(lake, table)
      const bytes = Uint8Array.from((await lake.store.get(file.key)) as Uint8Array)
      bytes.fill(0x5a, 4, 200)
      await lake.store.put(file.key, bytes)
      expect((await failures(lake)).join('\n')).toContain(`${file.key} cannot be decoded`)
      await lake.close()
    }
  })

  it('S1: a record that is a row of silver and a dead letter at once', async () => {
    const lake = await copiedLake(whole)
    const offset = `(SELECT max("offset") FROM rows)`
    await rewriteFile(
      lake,
      SILVER,
      (columns) => `SELECT ${columns} FROM rows UNION ALL SELECT ${columns}
      FROM (SELECT * REPLACE (3::BIGINT AS "offset", 0::INTEGER AS "partition") FROM rows WHERE "offset" = ${offset})`,
    )
    expect((await failures(lake)).join('\n')).toMatch(
      /S1 silver.*raw\/0\/3 is in silver_binance_trades, but not among the valid/,
    )
    await lake.close()
  })

  it('A12: a bit that the disk has changed in a page is found, and where', async () => {
    const lake = await copiedLake(whole)
    const { file } = await fileOf(lake, BRONZE)
    const bytes = Buffer.from((await lake.store.get(file.key)) ?? [])
    const at = bytes.indexOf('USDT')
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at)
    await lake.store.put(file.key, bytes)
    expect(await failures(lake)).toContainEqual(
      expect.stringMatching(/files bronze.*page 0 of column raw_bytes of row group 0 differs from its checksum/),
    )
    await lake.close()
  })

  it('any one row that is lost, doubled or changed in any table is found', async () => {
    const tables = [BRONZE, SILVER, DLQ_TABLE, GOLD_TABLE, DUPLICATES_TABLE]
    const damage = fc.record({
      table: fc.constantFrom(...tables),
      nth: fc.nat(20),
      row: fc.nat(3),
      kind: fc.constantFrom('lost', 'doubled', 'changed'),
      column: fc.nat(100),
    })
    await fc.assert(
      fc.asyncProperty(damage, async ({ table, nth, row, kind, column }) => {
        const lake = await copiedLake(whole)
        const { file } = await fileOf(lake, table, nth)
        const rn = `rn = ${row % file.file.recordCount}`
        const changed = table.columns.filter(({ name }) => !PROCESSING_TIMES.test(`${table.name}.${name}`))
        const { name, type } = changed[column % changed.length] as (typeof changed)[number]
        const change = { lost: without(rn), doubled: doubled(rn), changed: altered(name, OTHER[type], rn) }[
          kind
        ] as Change
        await rewriteFile(lake, table, change, nth)
        expect(await failures(lake)).not.toEqual([])
        await lake.close()
      }),
      { numRuns: 6 },
    )
  })
})

const PROCESSING_TIMES =
  /validation_timestamp|bronze_ingestion_timestamp|error_timestamp|gold_ingestion_timestamp|^bronze.*\.ingestion_timestamp/

/** A value of each type that no row of the usual lake has. */
const OTHER: Readonly<Record<TableDefinition['columns'][number]['type'], string>> = {
  binary: "'\\xff'::BLOB",
  boolean: 'NULL::BOOLEAN',
  date: "DATE '1999-01-01'",
  'decimal(28, 10)': '123.4567891234',
  'decimal(38, 10)': '123.4567891234',
  'decimal(38, 20)': '123.45678912345678901234',
  int: '77',
  'list<string>': "['other']",
  long: '777777',
  string: "'other'",
  timestamptz: "TIMESTAMPTZ '1999-01-01 00:00:00+00'",
  uuid: "'00000000-0000-8000-8000-000000000000'::UUID",
}

describe('verify on dead letters that were replayed, archived and purged', () => {
  const DAY_MS = 86_400_000
  const deadLetters = { sourceTable: DLQ_TABLE.name, targetTable: SILVER.name, dryRun: false, filter: {} }

  /** The rules with another bound of the price, as from a file. */
  const priceAbove = (bound: number) =>
    ruleSetJson(
      defineRuleSet(
        SILVER_RULES.rules.map((rule) =>
          rule.name === 'price_positive' ? { ...rule, predicate: `price > ${bound}` } : rule,
        ),
        60_000,
      ),
    )

  /**
   * Of four dead letters one is replayed by rules from a file and one by a correction; then all are archived and
   * purged.
   */
  async function agedLake(days: number): Promise<MemoryLake> {
    const lake = memoryLake()
    const id = await registerSchema(lake, binance)
    const trades = ['7', '100', '-1', '-2', '-3'].map((price, i) => binanceRecord(binance, id, { trade_id: i, price }))
    await produce(lake, binance, trades)
    await drain(lake, { layers: ['bronze'] })
    await runAlone(await silverWorker(lake, binance, { rules: await readRules(lake, priceAbove(50)) }))
    const fix = JSON.stringify({ coordinate: `${binance.topic}/0/2`, fields: { price: '12' } })
    await runReplay(lake, { ...deadLetters, fix }, NEVER)
    await runReplay(lake, { ...deadLetters, rules: await readRules(lake, priceAbove(5)) }, NEVER)
    await drain(lake)
    for (let day = 0; day < days; day += 31) {
      lake.clock.advance(31 * DAY_MS)
      await runRetention(lake, false)
    }
    return lake
  }

  it('S1 D1 D5: raises no alarm, and finds what the ledger of resolutions lost', async () => {
    for (const [days, archived] of [
      [0, 0],
      [31, 4],
      [170, 0],
    ] as const) {
      const lake = await agedLake(days)
      expect([days, await failures(lake)]).toEqual([days, []])
      const [row] = await query(lake, 'SELECT count(*)::INTEGER AS n FROM silver_dlq_trades_archive')
      expect([days, row?.n]).toEqual([days, archived])
      if (days === 170) await loseResolutions(lake)
      await lake.close()
    }
  })

  async function loseResolutions(lake: MemoryLake): Promise<void> {
    const { files } = await fileOf(lake, RESOLUTIONS_TABLE)
    for (let nth = 0; nth < files; nth++) {
      await rewriteFile(
        lake,
        RESOLUTIONS_TABLE,
        (columns) => `SELECT ${columns} FROM rows WHERE resolution = 'archived'`,
      )
    }
    const found = (await failures(lake)).join('\n')
    expect(found).toMatch(/S1 silver_dlq_trades.*should be a dead letter/)
    expect(found).toMatch(/D1 silver_dlq_resolutions.*was replayed and has no resolution/)
  }

  it('S1 G2: raises no alarm on rows of an earlier version, which lack what later ones say', async () => {
    for (const [table, earlier] of [
      [GOLD_TABLE, 'true'],
      [GOLD_TABLE, 'replay_sequence = 0'],
      [SILVER, 'replay_id IS NULL'],
      [SILVER, 'replay_sequence = 0'],
    ] as const) {
      const lake = await agedLake(0)
      const { files } = await fileOf(lake, table)
      for (let nth = 0; nth < files; nth++) await rewriteFile(lake, table, asEarlier(table, earlier))
      // Gold was written by an earlier version, too, unless it took silver's rows after that.
      if (table === SILVER) {
        const gold = await fileOf(lake, GOLD_TABLE)
        for (let nth = 0; nth < gold.files; nth++) await rewriteFile(lake, GOLD_TABLE, asEarlier(GOLD_TABLE, earlier))
      }
      expect([earlier, await failures(lake)]).toEqual([earlier, []])
      await lake.close()
    }
  })

  const inCorrection = (before: string, after: string): Change =>
    altered('fix', `replace(fix, '${before}', '${after}')`, 'fix IS NOT NULL')
  const cases: readonly (readonly [string, TableDefinition, Change, RegExp])[] = [
    [
      'D1: a dead letter that was replayed twice',
      SILVER,
      doubled('replay_sequence = 0'),
      /D1 .*replayed more than once/,
    ],
    [
      'S2: a replayed row that its bytes do not give',
      SILVER,
      altered('price', 'price + 1', 'replay_sequence = 1'),
      /S2 silver.*raw\/0\/0: price is 8/,
    ],
    [
      'S2: a corrected row that its correction does not give',
      SILVER,
      altered('price', 'price + 1', 'replay_sequence = 0'),
      /S2 silver.*raw\/0\/2: price is 13/,
    ],
    ['D1: a replayed row that is gone', SILVER, without('replay_sequence = 0'), /D1 silver_dlq_res.*not in silver/],
    ['D3: another correction', REPLAYS_TABLE, inCorrection('"12"', '"13"'), /S2 .*raw\/0\/2: price is 12\.0+, not 13/],
    ['D3: a lost correction', REPLAYS_TABLE, altered('fix', 'NULL', 'true'), /S2 .*raw\/0\/2 .*break the rules/],
    [
      'D3: one of another dead letter',
      REPLAYS_TABLE,
      inCorrection('/0/2', '/0/3'),
      /S2 .*raw\/0\/2: it has no correction/,
    ],
    ['D3: one that makes no record', REPLAYS_TABLE, inCorrection('"12"', '12'), /S2 .*raw\/0\/2: .*price/],
    [
      'D3: one of no field',
      REPLAYS_TABLE,
      inCorrection('price', 'prise'),
      /S2 .*replay .*correction 1: .*no field prise/,
    ],
    ['D3: no list of them', REPLAYS_TABLE, inCorrection(']', ''), /S2 .*replay .* are not a list/],
    ['D3: a lost replay', REPLAYS_TABLE, without('fix IS NOT NULL'), /S2 .*raw\/0\/2 .* ledger of replays does not/],
    [
      'S2: rules of a replay that no rule may be',
      RULE_SETS_TABLE,
      altered('rules', `replace(rules, 'price > 5"', 'price > random()"')`, 'true'),
      /S2 .*noted as rules-.*price_positive, predicate: the function random.*S2 .*raw\/0\/0 was replayed by the rules/s,
    ],
    [
      'S2: rules that the ledger does not name for the lane of replays',
      RULE_SETS_TABLE,
      without(`topic LIKE '~replay%' AND from_offset = 1`),
      /S2 .*raw\/0\/0 was replayed by the rules .* does not hold.*where the ledger of rule sets says rules-/,
    ],
    [
      'G2: a replayed row of gold with another number',
      GOLD_TABLE,
      altered('replay_sequence', '2', 'replay_sequence = 1'),
      /G2 gold.*raw\/0\/0: replay_sequence is 2, not 1/,
    ],
    [
      'G2: a row of gold without its lateness alone',
      GOLD_TABLE,
      altered('lateness_ms', 'NULL', 'replay_id IS NULL'),
      /G2 gold.*raw\/0\/1: lateness_ms is NULL, not 0/,
    ],
    [
      'G2: a replayed row of gold without its number alone',
      GOLD_TABLE,
      altered('replay_sequence', 'NULL', 'replay_sequence = 1'),
      /G2 gold.*raw\/0\/0: replay_sequence is NULL, not 1/,
    ],
    [
      'S1: a row of silver that says another origin',
      SILVER,
      altered('origin', `'load'`, 'replay_id IS NULL'),
      /S1 silver.*raw\/0\/1: origin is load, not feed/,
    ],
    [
      'S2: a replayed row of silver that says another origin',
      SILVER,
      altered('origin_id', `'another'`, 'replay_sequence = 1'),
      /S2 silver.*raw\/0\/0 was replayed, and has another origin: replay another/,
    ],
    [
      'G2: a row of gold with the number of a replay that it is not of',
      GOLD_TABLE,
      altered('replay_sequence', '0', 'replay_id IS NULL'),
      /G2 gold.*raw\/0\/1: replay_sequence is 0, not NULL/,
    ],
  ]

  it.each(cases)('%s', async (_name, table, change, message) => {
    const lake = await agedLake(0)
    const { files } = await fileOf(lake, table)
    for (let nth = 0; nth < files; nth++) await rewriteFile(lake, table, change)
    expect((await failures(lake)).join('\n')).toMatch(message)
    await lake.close()
  })
})

describe('verify raises no alarm', () => {
  it('on a lake without a table, and on one without rows', async () => {
    const lake = memoryLake({ exchanges: [binance, kraken] })
    expect(await failures(lake)).toEqual([])
    expect(await lake.catalog.list()).toEqual([])
    await drain(lake)
    expect(await failures(lake)).toEqual([])
    await lake.close()
  })

  it('on duplicates, conflicts and dead letters, and on what was done by restarts in between', async () => {
    expect(await failures(whole)).toEqual([])
  })

  it('on late rows, invalid ones and idle lanes of two exchanges, with some layers behind', async () => {
    const lake = memoryLake({ exchanges: [binance, kraken] })
    await produceSimulated(lake, binance, { count: 80, duplicates: 0.1, invalid: 0.1, late: 0.1 }, 3)
    await produceSimulated(lake, kraken, { count: 60, duplicates: 0.1, invalid: 0.1, late: 0.1 }, 2)
    await drain(lake, { limits: { maxRows: 50 } })
    await produceSimulated(lake, binance, { count: 60, seed: 3, duplicates: 0.1 }, 3)
    await drain(lake, { layers: ['bronze'] })
    expect(await failures(lake)).toEqual([])
    await drain(lake, { layers: ['silver'], limits: { maxRows: 50 } })
    expect(await failures(lake)).toEqual([])
    await lake.close()
  })

  it('B3: on holes, a lost start, an accepted gap and a topic made anew; what the log lost is said', async () => {
    const lake = memoryLake()
    const id = await registerSchema(lake, binance)
    const lane = { topic: binance.topic, partition: 0 }
    let trade_id = 0
    const trades = (count: number) =>
      produce(
        lake,
        binance,
        Array.from({ length: count }, () => binanceRecord(binance, id, { trade_id: trade_id++ })),
      )
    const accept = async (to: bigint): Promise<void> => {
      await drain(lake)
      const session = await (await lake.engine()).session()
      const [main, gaps] = [await lake.table(BRONZE), await lake.table(GAPS_TABLE)]
      const [status] = await lake.log.lanes(binance.topic)
      const topicId = status?.topicId ?? ''
      const { clock } = lake
      await acceptGap({ main, gaps, session, clock, lane: laneKey(lane), to: position(to), note: 'lost', topicId })
      await session.close()
      await drain(lake)
    }
    await trades(3)
    lake.log.addHole(lane, 4)
    await trades(2)
    await drain(lake)
    expect(await failures(lake)).toEqual([])
    await trades(5)
    lake.log.deleteBefore(lane, position(12))
    await accept(12n)
    expect(await failures(lake)).toEqual([])
    const { checks } = await verifyLake(lake, { fromLog: true, signal: NEVER, onCheck: () => undefined })
    expect(checks.find(({ promise }) => promise === 'B1')).toMatchObject({
      numbers: { in_log: 2n, in_bronze: 2n },
      note: 'the log starts at 12: rows before it cannot be checked against it',
    })
    expect(checks.find(({ claim }) => claim.startsWith('no offset'))).toMatchObject({
      numbers: { rows: 7n, holes_in_accepted_gaps: 3n, other_holes: 4n },
    })
    lake.log.recreateTopic(binance.topic, 1)
    await trades(4)
    await accept(0n)
    expect(await failures(lake)).toEqual([])
    await lake.close()
  })

  it('S2: on a history that two rule sets judged', async () => {
    const lake = memoryLake()
    const strict = defineRuleSet([...SILVER_RULES.rules, TOO_DEAR], SILVER_RULES.lateness_delay_ms)
    const id = await registerSchema(lake, binance)
    const trades = (prices: readonly string[]) =>
      produce(
        lake,
        binance,
        prices.map((price, i) => binanceRecord(binance, id, { trade_id: `${price}${i}`.length * 100 + i, price })),
      )
    await trades(['1', '2000', '3'])
    await drain(lake, { layers: ['bronze'] })
    await runAlone(await silverWorker(lake, binance, { rules: strict, limits: { maxRows: 2 } }))
    await trades(['4', '5000', '-1'])
    await drain(lake)
    expect(await failures(lake)).toEqual([])
    await lake.close()
  })

  it('A4: while workers write', async () => {
    const lake = memoryLake()
    await produceSimulated(lake, binance, { count: 120, duplicates: 0.1, invalid: 0.1 }, 2)
    const running = new AbortController()
    const workers = runUntil(lake, running.signal, { limits: { maxRows: 40 } })
    for (let i = 0; i < 3; i++) {
      await produceSimulated(lake, binance, { count: 50, seed: 5 + i, duplicates: 0.1, invalid: 0.1 }, 2)
      expect(await failures(lake)).toEqual([])
    }
    running.abort()
    await workers
    await lake.close()
  })
})

const TOO_DEAR = {
  name: 'price_not_too_dear',
  predicate: 'price IS NULL OR price < 1000',
  reason: 'price_too_high',
  type: 'price_validation',
  value: 'price::VARCHAR',
  since: '0.1.0',
} as const
