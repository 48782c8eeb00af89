import { type LaneKey, laneKey, type Position, type RecordBatch, rowBytes } from '@assay/core'
import type { Exchange } from '@assay/exchanges'
import { pendingEntries, publishedSequence } from '@assay/iceberg'
import type { Lake } from '@assay/lake'
import {
  bronzeTable,
  candlesLayer,
  DLQ_TABLE,
  DUPLICATES_TABLE,
  GAPS_TABLE,
  GOLD_TABLE,
  REPLAYS_TABLE,
  RESOLUTIONS_TABLE,
  RULE_SETS_TABLE,
  silverTable,
  TRADE_GAPS_TABLE,
  TRADE_KEY,
} from '@assay/medallion'
import { type Checkpoint, replayLane } from '@assay/pipeline'
import { expect } from 'vitest'
import { wrongCandles, wrongLedgers } from './candle-invariants.js'
import { type Tables, withTables } from './tables.js'

export interface InvariantOptions {
  /** False when the log has lost records, or lanes of it are named otherwise in the tables. */
  readonly logIsWhole?: boolean
}

/**
 * What must hold of every drained lake: bronze is the log, byte for byte; each bronze row is in one of silver and
 * the dead letters; each silver row in one of gold and the duplicates; gold has each trade once, exactly as silver
 * has it; every candle is what gold's trades add up to, and its revisions lead to it; every position is at its upstream's
 * end; nothing waits to be published.
 */
export async function checkInvariants(lake: Lake, options: InvariantOptions = {}): Promise<void> {
  await withTables(lake, (tables) => checkTables(lake, tables, options))
}

/** The same of tables that are open already. */
export async function checkTables(
  lake: Lake,
  tables: Tables,
  { logIsWhole = true }: InvariantOptions = {},
): Promise<void> {
  const broken: Record<string, number> = {}
  for (const exchange of lake.exchanges) {
    if (logIsWhole) await loadLog(lake, exchange, tables)
    Object.assign(broken, await countAll(tables, exchangeChecks(exchange.name, logIsWhole)))
  }
  Object.assign(broken, await countAll(tables, goldChecks(lake.exchanges.map(({ name }) => name))))
  const violations = Object.fromEntries(Object.entries(broken).filter(([, count]) => count > 0))
  expect(violations).toEqual({})
  expect([...(await wrongCandles(lake, tables)), ...(await wrongLedgers(tables))]).toEqual([])
  await checkPositions(lake, logIsWhole)
  await checkNothingPending(lake)
}

async function countAll({ value }: Tables, checks: Record<string, string>): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const [name, sql] of Object.entries(checks)) counts[name] = Number(await value(`SELECT count(*) FROM (${sql})`))
  return counts
}

const LOG = 'log_rows'
const LOG_COLUMNS = `topic, "partition", "offset", raw_bytes, "key", headers,
  CASE WHEN timestamp_ms BETWEEN 0 AND 9214646399999 THEN make_timestamptz(timestamp_ms * 1000) END AS kafka_timestamp,
  CASE WHEN timestamp_ms BETWEEN 0 AND 9214646399999
    THEN make_timestamptz(timestamp_ms * 1000)::DATE ELSE DATE '1970-01-01' END AS ingestion_date`
const BRONZE_COLUMNS = `topic, "partition", "offset", raw_bytes, "key", headers, kafka_timestamp, ingestion_date`
const COORDINATES = 'topic, "partition", "offset"'

/** Rows that one query has more often than the other, or only more often than it where so said. */
function differs(a: string, b: string, sign: '<>' | '>' = '<>'): string {
  return `SELECT * EXCLUDE (n) FROM (SELECT *, 1 AS n FROM (${a}) UNION ALL SELECT *, -1 FROM (${b}))
    GROUP BY ALL HAVING sum(n) ${sign} 0`
}

/**
 * The dead letters of a source wherever they are: in the queue or its archive (a retention that was killed leaves one
 * in both), or purged from there, which leaves a resolution.
 */
function deadLettersOf(bronze: string): string {
  const deadLetter = 'topic, "partition", kafka_offset'
  return `SELECT ${deadLetter} FROM silver_dlq_trades WHERE bronze_source = '${bronze}'
    UNION SELECT ${deadLetter} FROM silver_dlq_trades_archive WHERE bronze_source = '${bronze}'
    UNION SELECT ${deadLetter} FROM silver_dlq_resolutions SEMI JOIN (
      SELECT topic, "partition", "offset" AS kafka_offset FROM ${bronze}) USING (${deadLetter})
      WHERE resolution = 'purged'`
}

function exchangeChecks(exchange: string, logIsWhole: boolean): Record<string, string> {
  const bronze = bronzeTable(exchange).name
  const silver = silverTable(exchange).name
  const deadLetters = `SELECT topic, "partition", kafka_offset AS "offset" FROM (${deadLettersOf(bronze)})`
  const replayed = `SELECT ${COORDINATES} FROM ${silver} WHERE replay_id IS NOT NULL`
  return {
    ...(logIsWhole && {
      [`${bronze} is not the log`]: differs(
        `SELECT ${LOG_COLUMNS} FROM ${LOG}`,
        `SELECT ${BRONZE_COLUMNS} FROM ${bronze}`,
      ),
    }),
    [`${bronze} repeats a place`]: `SELECT ${COORDINATES} FROM ${bronze} GROUP BY ALL HAVING count(*) > 1`,
    [`${bronze} is not silver + dead letters`]: differs(
      `SELECT ${COORDINATES} FROM ${bronze}`,
      `(SELECT ${COORDINATES} FROM ${silver} WHERE replay_id IS NULL UNION ALL ${deadLetters})`,
    ),
    [`${silver} repeats a replay`]: `SELECT ${COORDINATES} FROM (${replayed}) GROUP BY ALL HAVING count(*) > 1`,
    [`${silver} has a replay of what is no dead letter`]: `${replayed} EXCEPT (${deadLetters})`,
    [`replays into ${silver} are not the resolutions`]: differs(
      replayed,
      `SELECT topic, "partition", kafka_offset FROM silver_dlq_resolutions SEMI JOIN (${deadLettersOf(bronze)})
        USING (topic, "partition", kafka_offset) WHERE resolution = 'replayed'`,
    ),
    [`the lane of replays into ${silver} has holes`]: `SELECT 1 FROM ${silver} WHERE replay_id IS NOT NULL
      HAVING count(*) <> max(replay_sequence) + 1 OR count(*) <> count(DISTINCT replay_sequence)`,
    [`a replay into ${silver} is in no ledger`]: `SELECT DISTINCT replay_id FROM ${silver} WHERE replay_id IS NOT NULL
      EXCEPT SELECT replay_id FROM replays`,
    [`a replay into ${silver} has a lateness`]: `SELECT 1 FROM ${silver}
      WHERE replay_id IS NOT NULL AND (is_late IS NOT NULL OR lateness_ms IS NOT NULL)`,
    [`a dead letter of ${bronze} has other bytes`]: `SELECT 1 FROM silver_dlq_trades d JOIN ${bronze} b
      ON d.topic = b.topic AND d."partition" = b."partition" AND d.kafka_offset = b."offset"
      WHERE d.raw_record IS DISTINCT FROM b.raw_bytes OR d.kafka_timestamp IS DISTINCT FROM b.kafka_timestamp`,
  }
}

const TRADE = `message_id, trade_id, symbol, exchange, asset_class, "timestamp", price, quantity, currency, side,
  trade_conditions, source_sequence, ingestion_timestamp, platform_sequence, vendor_data, ${COORDINATES}, kafka_timestamp,
  is_late, lateness_ms, replay_id, replay_sequence, origin, origin_id`

function goldChecks(exchanges: readonly string[]): Record<string, string> {
  const silver = exchanges.map((name) => `SELECT ${TRADE} FROM ${silverTable(name).name}`).join(' UNION ALL ')
  return {
    'gold repeats a trade': `SELECT 1 FROM gold_crypto_trades GROUP BY ${TRADE_KEY} HAVING count(*) > 1`,
    'silver is not gold + duplicates': differs(
      `SELECT ${COORDINATES} FROM (${silver})`,
      `(SELECT ${COORDINATES} FROM gold_crypto_trades UNION ALL SELECT ${COORDINATES} FROM gold_duplicates)`,
    ),
    'gold has other trades than silver': differs(
      `SELECT DISTINCT ${TRADE_KEY} FROM (${silver})`,
      `SELECT ${TRADE_KEY} FROM gold_crypto_trades`,
    ),
    'a gold row is not its silver row': differs(
      `SELECT ${TRADE} FROM gold_crypto_trades`,
      `SELECT ${TRADE} FROM (${silver})`,
      '>',
    ),
    'a kept row is not in gold': `SELECT 1 FROM gold_duplicates d ANTI JOIN gold_crypto_trades g
      ON d.kept_topic = g.topic AND d.kept_partition = g."partition" AND d.kept_offset = g."offset"
      AND d.exchange = g.exchange AND d.symbol = g.symbol AND d.trade_id = g.trade_id`,
    'a row is called its own duplicate': `SELECT 1 FROM gold_duplicates
      WHERE topic = kept_topic AND "partition" = kept_partition AND "offset" = kept_offset`,
  }
}

/** All that the log holds of an exchange, as a table. */
async function loadLog(lake: Lake, { topic }: Exchange, { session }: Tables): Promise<void> {
  const rows: { batch: RecordBatch; row: number }[] = []
  for (const { lane, start, end } of await lake.log.lanes(topic)) {
    for (let at = start; at < end; ) {
      const read = await lake.log.read(lane, at, { maxRecords: 100_000, maxBytes: 2 ** 30 })
      if (read.kind !== 'records') throw new Error(`${laneKey(lane)} cannot be read at ${at}`)
      for (const batch of read.batches) for (let row = 0; row < batch.count; row++) rows.push({ batch, row })
      at = read.next
    }
  }
  const blob = (column: 'values' | 'keys' | 'headers') => {
    const parts = rows.map(({ batch, row }) => rowBytes(batch[column], row))
    const source = Buffer.concat(parts.map((part) => part ?? new Uint8Array()))
    const ends = new Uint32Array(rows.length)
    let end = 0
    for (const [i, part] of parts.entries()) ends[i] = end += part?.length ?? 0
    const starts = Uint32Array.from(ends, (_, i) => (i === 0 ? 0 : (ends[i - 1] as number)))
    const nulls = Uint8Array.from(parts, (part) => (part ? 0 : 1))
    return { type: 'BLOB' as const, source: new Uint8Array(source), starts, ends, nulls }
  }
  await session.load(
    LOG,
    [
      {
        name: 'topic',
        column: { type: 'DICTIONARY', codes: new Int32Array(rows.length), dictionary: [topic] },
      },
      {
        name: 'partition',
        column: { type: 'INTEGER', data: Int32Array.from(rows, ({ batch }) => batch.lane.partition) },
      },
      {
        name: 'offset',
        column: { type: 'BIGINT', data: BigInt64Array.from(rows, ({ batch, row }) => batch.offsets[row] as bigint) },
      },
      {
        name: 'timestamp_ms',
        column: {
          type: 'BIGINT',
          data: BigInt64Array.from(rows, ({ batch, row }) => batch.timestamps_ms[row] as bigint),
        },
      },
      { name: 'raw_bytes', column: blob('values') },
      { name: 'key', column: blob('keys') },
      { name: 'headers', column: blob('headers') },
    ],
    rows.length,
  )
}

/** The checkpoint of each layer stands where its upstream ends. */
async function checkPositions(lake: Lake, logIsWhole: boolean): Promise<void> {
  const gold = (await (await lake.table(GOLD_TABLE)).pin()).checkpoint
  for (const exchange of lake.exchanges) {
    const bronze = (await (await lake.table(bronzeTable(exchange.name))).pin()).checkpoint
    const silver = (await (await lake.table(silverTable(exchange.name))).pin()).checkpoint
    if (logIsWhole) {
      for (const { lane, end } of await lake.log.lanes(exchange.topic)) {
        expect([laneKey(lane), bronze.lanes.get(laneKey(lane))?.position ?? 0n]).toEqual([laneKey(lane), end])
      }
    }
    const replays = replayLane(silverTable(exchange.name))
    expect({ ...positionsOf(silver), [replays]: undefined }).toEqual({ ...positionsOf(bronze), [replays]: undefined })
    for (const [lane, at] of Object.entries(positionsOf(silver))) {
      expect([lane, gold.lanes.get(lane as LaneKey)?.position ?? 0n]).toEqual([lane, at])
    }
  }
}

/** Lanes at their very start are as good as absent. */
function positionsOf(checkpoint: Checkpoint): Record<string, Position> {
  return Object.fromEntries(
    [...checkpoint.lanes].filter(([, lane]) => lane.position > 0n).map(([key, lane]) => [key, lane.position]),
  )
}

const SIDES = [
  DLQ_TABLE,
  RESOLUTIONS_TABLE,
  REPLAYS_TABLE,
  RULE_SETS_TABLE,
  DUPLICATES_TABLE,
  TRADE_GAPS_TABLE,
  GAPS_TABLE,
  ...candlesLayer.sides,
]

async function checkNothingPending(lake: Lake): Promise<void> {
  const sides = new Map(SIDES.map((side) => [side.name, side]))
  for (const definition of lake.definitions.filter(({ name }) => !sides.has(name))) {
    const main = await lake.table(definition)
    const { version, uuid } = await main.pin()
    for (const entry of pendingEntries(version.metadata, main.table.propertyPrefix)) {
      const side = sides.get(entry.table)
      if (!side) throw new Error(`${definition.name} has rows pending for ${entry.table}`)
      const published = (await (await lake.table(side)).pin()).version.metadata
      expect(publishedSequence(published, uuid, main.table.propertyPrefix)).toBeGreaterThanOrEqual(entry.sequence)
    }
  }
}
