import { laneKey } from '@assay/core'
import { MemoryLog } from '@assay/event-log'
import type { Exchange } from '@assay/exchanges'
import { bronzeTable, DLQ_TABLE, GOLD_TABLE, type LayerName, silverTable } from '@assay/medallion'
import { runReplay } from '@assay/operations'
import type { TableDefinition } from '@assay/pipeline'
import { defineRuleSet, type RuleSet, SILVER_RULES } from '@assay/rules'
import type { SchemaRegistry } from '@assay/schema-registry'
import { expect, test } from 'vitest'
import { NEVER, REPLAY } from './support/dead-letters.js'
import { brokenFrames, brokenTrades } from './support/derivation/broken-records.js'
import { hexOf } from './support/derivation/decoded-rows.js'
import { judgeByFrozenSql, type Phase } from './support/derivation/expected-silver.js'
import {
  absentKinds,
  deriveByFrozenSql,
  differences,
  IMPOSSIBLE_GAP_CHANGES,
  UNDECIDED,
} from './support/derivation/expected-tables.js'
import { FROZEN_RULES } from './support/derivation/frozen-sql.js'
import {
  binanceHistory,
  interleaved,
  krakenHistory,
  type MixedRecord,
  oddTrades,
  PARTITIONS,
} from './support/derivation/mixed-records.js'
import { WRITERS, writerOf } from './support/derivation/writers.js'
import { type DrainOptions, drain } from './support/drain.js'
import { binance, kraken, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { batchOf, keyFor, START_MS } from './support/records.js'
import { withTables } from './support/tables.js'
import { VirtualClock } from './support/virtual-clock.js'

const EXCHANGES: readonly Exchange[] = [binance, kraken]
const LAYER_NAMES: readonly LayerName[] = ['bronze', 'silver', 'gold']
const DAY_MS = 86_400_000

/** A registry that has the writers' schemas and no others. */
const REGISTRY: SchemaRegistry = {
  register: async (subject) => (subject.includes(binance.topic) ? WRITERS.binance.id : WRITERS.kraken.id),
  async schema(id) {
    const writer = writerOf(id)
    return writer ? { kind: 'found', schema: writer.schema } : { kind: 'unknown' }
  },
}

/** A rule that no other code than SQL knows. */
const LIMIT = {
  predicate: 'price <= 40000',
  reason: 'price_implausible',
  type: 'price_validation',
  value: 'price::VARCHAR',
} as const
const LIMITED_RULES = defineRuleSet(
  [...SILVER_RULES.rules, { ...LIMIT, name: 'price_plausible', since: '0.2.0' }],
  SILVER_RULES.lateness_delay_ms,
)
const LIMITED = { version: LIMITED_RULES.version, rules: [...FROZEN_RULES.rules, LIMIT] }

/** What comes in turn: each part is in gold before the next comes. */
function mixedRecords(): readonly (readonly MixedRecord[])[] {
  const first = [...binanceHistory(1_500, 1_000, START_MS), ...krakenHistory(600, 500, START_MS)]
  const second = [
    ...binanceHistory(800, 2_600, START_MS + 2 * DAY_MS),
    ...krakenHistory(400, 800, START_MS + 2 * DAY_MS),
    ...oddTrades(START_MS + 3 * DAY_MS),
  ]
  const broken = [...brokenTrades(START_MS + 2 * DAY_MS), ...brokenFrames(START_MS + 2 * DAY_MS)]
  // Far copies of the first part: some of what the limit kept out is now let in, before its dead letter is replayed.
  const far = first.filter((_, i) => i % 13 === 0)
  const third = [...far.slice(0, 40), ...second.filter((_, i) => i % 17 === 0), ...first.filter((_, i) => i % 10 === 9)]
  return [first, [...interleaved(second, broken), ...far], third]
}

async function produceMixed(lake: MemoryLake, records: readonly MixedRecord[]): Promise<void> {
  for (const { name, topic } of EXCHANGES) {
    await lake.log.ensureTopic(topic, PARTITIONS)
    const own = records.filter(({ exchange }) => exchange === name)
    const keyed = own.map((record) => ({ ...record, key: keyFor(record.partition, PARTITIONS) }))
    await lake.log.produce(topic, batchOf(keyed))
  }
}

async function endsOf(lake: MemoryLake): Promise<ReadonlyMap<string, bigint>> {
  const lanes = await Promise.all(EXCHANGES.map(({ topic }) => lake.log.lanes(topic)))
  return new Map(lanes.flat().map(({ lane, end }) => [laneKey(lane), end]))
}

async function laneIdsOf(lake: MemoryLake, { name }: Exchange): Promise<ReadonlyMap<string, number>> {
  const { checkpoint } = await (await lake.table(bronzeTable(name))).pin()
  return new Map(Object.entries(checkpoint.topics).map(([topic, { laneId }]) => [topic, laneId]))
}

/** Rows of a table's files that lie before a row of the same lane with a lower offset. */
async function outOfOrder(lake: MemoryLake, definition: TableDefinition): Promise<number> {
  const { offset, replay } = definition.coordinates ?? { offset: 'offset' }
  const table = await lake.table(definition)
  const files = await table.files(await table.pin())
  const session = await (await lake.engine()).session()
  const at = replay && 'sequence' in replay ? `coalesce("${replay.sequence}", "${offset}")` : `"${offset}"`
  const lane = `filename, topic, "partition"${replay ? ', replay_id' : ''}`
  const [row] = await session.rows(`SELECT count(*) AS n FROM (
    SELECT ${at} <= lag(${at}) OVER (PARTITION BY ${lane} ORDER BY file_row_number) AS is_behind FROM read_parquet(
      [${files.map(({ path }) => `'${path}'`).join(', ')}], filename = true, file_row_number = true)) WHERE is_behind`)
  await session.close()
  return Number(row?.n)
}

/** Layers that work at once hand their rows on in memory; one after the other reads the files of the one above. */
const TOGETHER = [LAYER_NAMES]
const APART = LAYER_NAMES.map((name) => [name])

test.each<[string, readonly (readonly LayerName[])[], DrainOptions]>([
  ['by layers one after the other, in large batches', APART, {}],
  [
    'by layers at once, in batches of 400 rows over 20 partitions',
    TOGETHER,
    { limits: { maxRows: 400, maxPartitions: 20 } },
  ],
])(
  'S1 S2 S3 G1 G3: %s, silver, dead letters, gold, duplicates and trade gaps are what SQL makes of bronze',
  async (_, turns, options) => {
    expect(SILVER_RULES.version).toBe(FROZEN_RULES.version)
    const clock = new VirtualClock()
    const log = new MemoryLog({ clock, limits: { record_bytes_max: 2 ** 21 } })
    const lake = memoryLake({ exchanges: EXCHANGES, registry: REGISTRY, clock, log })
    const [first = [], second = [], third = []] = mixedRecords()
    const phases: Phase[] = []
    const drainAll = async (rules: RuleSet): Promise<void> => {
      for (const layers of turns) await drain(lake, { ...options, rules, layers })
    }
    const takeIn = async (number: number, records: readonly MixedRecord[], limited: boolean): Promise<void> => {
      await produceMixed(lake, records)
      await drainAll(limited ? LIMITED_RULES : SILVER_RULES)
      phases.push({ number, rules: limited ? LIMITED : FROZEN_RULES, ends: await endsOf(lake) })
    }
    await takeIn(1, first, true)
    await takeIn(2, second, false)
    const report = await runReplay(lake, REPLAY, NEVER)
    await drainAll(SILVER_RULES)
    await takeIn(4, third, false)

    const frameDetails = new Map(
      second.flatMap(({ value, frameDetail }) => (frameDetail === undefined ? [] : [[hexOf(value), frameDetail]])),
    )
    await withTables(lake, async (tables) => {
      for (const exchange of EXCHANGES) {
        const laneIds = await laneIdsOf(lake, exchange)
        await judgeByFrozenSql(tables, { exchange, laneIds, frameDetails, phases })
      }
      const replayed = { id: report.replay_id ?? '', exchange: 'binance', upToPhase: 2, goldPhase: 3 }
      await deriveByFrozenSql(
        tables,
        EXCHANGES.map(({ name }) => name),
        replayed,
      )
      expect(await tables.value(UNDECIDED)).toBe(0n)
      expect(await absentKinds(tables)).toEqual([])
      expect(await tables.value(IMPOSSIBLE_GAP_CHANGES)).toBe(0n)
      const found = await differences(tables)
      for (const [table, { rows, different }] of Object.entries(found))
        expect([table, rows > 100, different]).toEqual([table, true, []])
    })
    for (const definition of [silverTable('binance'), silverTable('kraken'), DLQ_TABLE, GOLD_TABLE])
      expect([definition.name, await outOfOrder(lake, definition)]).toEqual([definition.name, 0])
    await lake.close()
  },
)
