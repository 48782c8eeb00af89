import { verifyLake } from '@assay/audit'
import { encodeValue } from '@assay/iceberg'
import {
  bronzeTable,
  DLQ_TABLE,
  DUPLICATES_TABLE,
  GOLD_TABLE,
  REPLAYS_TABLE,
  RESOLUTIONS_TABLE,
  RULE_SETS_TABLE,
  silverTable,
  TRADE_GAPS_TABLE,
} from '@assay/medallion'
import { runReplay } from '@assay/operations'
import type { TableDefinition } from '@assay/pipeline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  altered,
  type CheckpointText,
  describeFileAnew,
  doubled,
  editCheckpoint,
  rewriteFile,
  rewriteManifestList,
  without,
} from '../support/damage.js'
import { drain } from '../support/drain.js'
import { binance, copiedLake, type MemoryLake, memoryLake } from '../support/memory-lake.js'
import { binanceRecord, keyFor, produce, registerSchema } from '../support/records.js'

const NEVER = new AbortController().signal
const BRONZE = bronzeTable('binance')
const SILVER = silverTable('binance')
const EVERY_TABLE = [
  BRONZE,
  SILVER,
  DLQ_TABLE,
  RESOLUTIONS_TABLE,
  REPLAYS_TABLE,
  RULE_SETS_TABLE,
  GOLD_TABLE,
  DUPLICATES_TABLE,
  TRADE_GAPS_TABLE,
]

async function failures(lake: MemoryLake, fromLog = true): Promise<string> {
  const { checks } = await verifyLake(lake, { fromLog, signal: NEVER, onCheck: () => undefined })
  return checks
    .filter(({ outcome }) => outcome === 'failed')
    .map(({ promise, subject, found }) => `${promise} ${subject}: ${found.join('; ')}`)
    .join('\n')
}

/**
 * Two lanes with duplicates, a conflict, gaps in the trade numbers, dead letters, one of them replayed with a
 * correction.
 */
async function usualLake(): Promise<MemoryLake> {
  const lake = memoryLake()
  const id = await registerSchema(lake, binance)
  const trade = (partition: number, trade_id: number, price = '100.5') =>
    binanceRecord(binance, id, { trade_id, price }, { key: keyFor(partition, 2) })
  await produce(lake, binance, [trade(0, 1), trade(0, 2), trade(0, 2), trade(0, 3, '-1'), trade(1, 9)], 2)
  await drain(lake, { limits: { maxRows: 3 } })
  await produce(lake, binance, [trade(1, 1), trade(1, 2, '7'), trade(1, 20, 'x'), trade(0, 5), trade(0, 6)], 2)
  await drain(lake, { limits: { maxRows: 4 } })
  const fix = JSON.stringify({ coordinate: `${binance.topic}/0/3`, fields: { price: '12' } })
  await runReplay(
    lake,
    { sourceTable: DLQ_TABLE.name, targetTable: SILVER.name, dryRun: false, filter: {}, fix },
    NEVER,
  )
  await drain(lake)
  return lake
}

let whole: MemoryLake

beforeAll(async () => {
  whole = await usualLake()
}, 60_000)

afterAll(() => whole.close())

async function found(damage: (lake: MemoryLake) => Promise<void>, fromLog = true): Promise<string> {
  const lake = await copiedLake(whole)
  try {
    await damage(lake)
    return await failures(lake, fromLog)
  } finally {
    await lake.close()
  }
}

it('A12: a whole lake raises no alarm', async () => {
  expect(await found(async () => undefined)).toBe('')
})

describe('A12: what a manifest says of a file', () => {
  const partitioned = EVERY_TABLE.filter(({ partitionBy }) => partitionBy.length > 0)

  it.each(partitioned.map((table) => [table.name, table] as const))('partition of %s', async (name, table) => {
    const other = (value: unknown): number | string => (typeof value === 'number' ? value + 1 : 'other')
    const text = await found((lake) =>
      describeFileAnew(lake, table, ({ partition }) => ({ partition: partition.map(other) })),
    )
    for (const column of table.partitionBy) {
      expect(text).toMatch(new RegExp(`A12 ${name}: .*its partition says ${column}`))
    }
  })

  it.each(EVERY_TABLE.map((table) => [table.name, table] as const))('bounds and counts of %s', async (name, table) => {
    const column = table.columns.find(({ type }) => type === 'long' || type === 'string')
    if (!column) throw new Error(`${name} has no column with bounds`)
    const bound = (value: string | bigint): Uint8Array => encodeValue(column.type as 'long' | 'string', value)
    const isText = column.type === 'string'
    const edits = {
      lowerBounds: new Map([[column.id, bound(isText ? '\uffff' : 2n ** 63n - 1n)]]),
      upperBounds: new Map([[column.id, bound(isText ? '' : -(2n ** 63n))]]),
      nullCounts: new Map([[column.id, 77]]),
      valueCounts: new Map([[column.id, 78]]),
    }
    const text = await found((lake) => describeFileAnew(lake, table, () => edits))
    expect(text).toMatch(new RegExp(`A12 ${name}: `))
    expect(text).toMatch(new RegExp(`${column.name} is null in \\d+ rows, not 77`))
    expect(text).toMatch(new RegExp(`${column.name} has \\d+ values, not 78`))
    expect(text).toContain(`${column.name} begins at`)
    expect(text).toContain(`${column.name} ends at`)
  })
})

describe('A12: what a manifest list says of a manifest', () => {
  const edits = [
    ['length', { length_bytes: 1 }, /bytes, the manifest list says 1/],
    ['added files', { addedFiles: 7 }, /added files, the manifest list says 7/],
    ['existing files', { existingFiles: 7 }, /existing files, the manifest list says 7/],
    ['deleted files', { deletedFiles: 7 }, /deleted files, the manifest list says 7/],
    ['added rows', { addedRows: 7_777n as unknown as number }, /added rows, the manifest list says 7777/],
    ['existing rows', { existingRows: 7_777 }, /existing rows, the manifest list says 7777/],
    ['deleted rows', { deletedRows: 7_777 }, /deleted rows, the manifest list says 7777/],
    ['least sequence number', { minSequenceNumber: 1_000 }, /below the least that the list says/],
    ['sequence number', { sequenceNumber: 1_000 }, /sequence_number 1000/],
  ] as const

  it.each(edits)('%s', async (_name, edit, message) => {
    for (const table of [GOLD_TABLE]) {
      const text = await found((lake) =>
        rewriteManifestList(lake, table, () => ({ ...edit, ...(edit as object) }) as never),
      )
      expect(text).toMatch(message)
    }
  })

  it('partition summaries', async () => {
    const text = await found((lake) =>
      rewriteManifestList(lake, SILVER, ({ partitions }) => ({
        partitions: partitions?.map((summary) => ({ ...summary, lower: 100_000, upper: 100_001 })),
      })),
    )
    expect(text).toMatch(/A12 silver.*the list's summary of trade_date does not admit|wrong|differ|beyond|chain/)
  })
})

describe('what a checkpoint says', () => {
  const edits: readonly (readonly [string, TableDefinition, (checkpoint: CheckpointText) => void, RegExp])[] = [
    [
      'S2: the greatest event time of a lane',
      SILVER,
      ({ lanes }) => {
        for (const lane of Object.values(lanes)) lane.greatest_us = '1'
      },
      /S2 silver.*its greatest event time is/,
    ],
    [
      'S2: the rules of a lane',
      SILVER,
      ({ lanes }) => {
        for (const lane of Object.values(lanes)) lane.rules = 'rules-0'
      },
      /S2 silver.*its rows were judged by/,
    ],
    [
      'B3: the identity of a topic',
      BRONZE,
      ({ topics }) => {
        for (const topic of Object.values(topics)) topic.topicId = 'another'
      },
      /chain bronze.*is of topic another, the log's/,
    ],
    [
      'S1: the number of a topic in message ids',
      BRONZE,
      ({ topics }) => {
        for (const topic of Object.values(topics)) topic.laneId += 1
      },
      /chain bronze.*has the number/,
    ],
    [
      'B3: the name of a topic in the log',
      BRONZE,
      ({ topics }) => {
        for (const topic of Object.values(topics)) topic.logTopic = 'another'
      },
      /chain bronze.*is said to be topic another/,
    ],
    [
      'B3: a topic that is forgotten',
      BRONZE,
      ({ topics }) => {
        for (const name of Object.keys(topics)) delete topics[name]
      },
      /chain bronze.*of a topic that the checkpoint does not know/,
    ],
  ]

  it.each(edits)('%s', async (_name, table, edit, message) => {
    expect(await found((lake) => editCheckpoint(lake, table, edit))).toMatch(message)
  })

  it('A12: a sequence number that would leave unread rows out', async () => {
    const lake = await copiedLake(whole)
    const id = await registerSchema(lake, binance)
    const late = binanceRecord(binance, id, { trade_id: 30 }, { key: keyFor(0, 2) })
    await produce(lake, binance, [late], 2)
    await drain(lake, { layers: ['bronze'] })
    expect(await failures(lake)).toBe('')
    const { sequence } = await (await lake.table(BRONZE)).pin()
    await editCheckpoint(lake, SILVER, ({ lanes }) => {
      for (const lane of Object.values(lanes)) lane.sequence = sequence
    })
    expect(await failures(lake)).toMatch(
      /chain silver.*1 rows from \d+ on lie in files that sequence \d+ says were read/,
    )
    await lake.close()
  })

  it('B3: a lane that stands still is a finding, with what lets it go on', async () => {
    const text = await found((lake) =>
      editCheckpoint(lake, BRONZE, ({ lanes }) => {
        const [lane] = Object.values(lanes)
        Object.assign(lane ?? {}, { stop: { reason: 'records_lost', from: lane?.position, to: '1000' } })
      }),
    )
    expect(text).toMatch(/B3 bronze.*is stopped \(records_lost.*assay gaps accept .* --to 1000/)
  })
})

describe('ledgers', () => {
  it.each([
    [
      'G3: a gap that the ledger lost',
      TRADE_GAPS_TABLE,
      without(`change = 'opened'`),
      /G3 gold_trade_gap_changes.*(is missing in gold, and no gap says so|was closed more often)/,
    ],
    [
      'G3: a closed gap that the ledger lost',
      TRADE_GAPS_TABLE,
      without(`change = 'closed'`),
      /G3 gold_trade_gap_changes|^$/,
    ],
    [
      'G3: a gap that is there twice',
      TRADE_GAPS_TABLE,
      doubled('true'),
      /G3 gold_trade_gap_changes.*(times more often|is an open gap, but)/,
    ],
    ['G3: another range', TRADE_GAPS_TABLE, altered('to_id', 'to_id + 1', 'true'), /G3 gold_trade_gap_changes/],
    [
      'D3: another count of what passed',
      REPLAYS_TABLE,
      altered('passed', '77', 'true'),
      /D3 replays.*says that 77 passed, silver has 1/,
    ],
    [
      'D3: another count of what was selected',
      REPLAYS_TABLE,
      altered('selected', '77', 'true'),
      /D3 replays.*selected 77/,
    ],
    [
      'D3: another count of what still fails',
      REPLAYS_TABLE,
      altered('still_failing', '77', 'true'),
      /D3 replays.*77 still fail/,
    ],
    ['D3: a replay that the ledger lost', REPLAYS_TABLE, without('true'), /D3 replays.*is in no ledger/],
    ['A1: a replay that is there twice', REPLAYS_TABLE, doubled('true'), /A1 replays.*is there 2 times/],
    [
      'A1: a resolution that is there twice',
      RESOLUTIONS_TABLE,
      doubled('true'),
      /A1 silver_dlq_resolutions.*is there 2 times/,
    ],
    ['A1: a rule set that is noted twice', RULE_SETS_TABLE, doubled('true'), /A1 rule_sets.*is there 2 times/],
    ['A1: a duplicate that is there twice', DUPLICATES_TABLE, doubled('true'), /A1 gold_duplicates.*is there 2 times/],
    [
      'S1: the time at which bronze read a row',
      SILVER,
      altered('bronze_ingestion_timestamp', `TIMESTAMPTZ '1999-01-01 00:00:00+00'`, 'true'),
      /S1 silver.*bronze_ingestion_timestamp is/,
    ],
  ] as const)('%s', async (_name, table, change, message) => {
    expect(await found((lake) => rewriteFile(lake, table, change))).toMatch(message)
  })
})
