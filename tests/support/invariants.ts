import { type LaneKey, laneKey, type Position, type RecordBatch, rowBytes } from '@assay/core'
import type { Exchange } from '@assay/exchanges'
import { pendingEntries, publishedSequence } from '@assay/iceberg'
import {
  bronzeTable,
  type Checkpoint,
  DLQ_TABLE,
  DUPLICATES_TABLE,
  GAPS_TABLE,
  GOLD_TABLE,
  RULE_SETS_TABLE,
  silverTable,
} from '@assay/medallion'
import type { Lake } from '@assay/runtime'
import { expect } from 'vitest'
import { type Tables, withTables } from './tables.js'

export interface InvariantOptions {
  /** False when the log has lost records, or lanes of it are named otherwise in the tables. */
  readonly logIsWhole?: boolean
}

/**
 * What must hold of every drained lake: bronze is the log, byte for byte; each bronze row is in one of silver and
 * the dead letters; each silver row in one of gold and the duplicates; gold has each trade once, exactly as silver
 * has it; every position is at its upstream's end; nothing waits to be published.
 */
export async function checkInvariants(lake: Lake, { logIsWhole = true }: InvariantOptions = {}): Promise<void> {
  await withTables(lake, async (tables) => {
    const broken: Record<string, number> = {}
    for (const exchange of lake.exchanges) {
      if (logIsWhole) await loadLog(lake, exchange, tables)
      Object.assign(broken, await countAll(tables, exchangeChecks(exchange.name, logIsWhole)))
    }
    Object.assign(broken, await countAll(tables, goldChecks(lake.exchanges.map(({ name }) => name))))
    const violations = Object.fromEntries(Object.entries(broken).filter(([, count]) => count > 0))
    expect(violations).toEqual({})
  })
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
const PLACE = 'topic, "partition", "offset"'

/** Rows that one query has and the other has not, counting repeats. */
function differs(a: string, b: string): string {
  return `(${a} EXCEPT ALL ${b}) UNION ALL (${b} EXCEPT ALL ${a})`
}

function exchangeChecks(exchange: string, logIsWhole: boolean): Record<string, string> {
  const bronze = bronzeTable(exchange).name
  const silver = silverTable(exchange).name
  const letters = `SELECT topic, "partition", kafka_offset AS "offset" FROM silver_dlq_trades WHERE bronze_source = '${bronze}'`
  return {
    ...(logIsWhole && {
      [`${bronze} is not the log`]: differs(
        `SELECT ${LOG_COLUMNS} FROM ${LOG}`,
        `SELECT ${BRONZE_COLUMNS} FROM ${bronze}`,
      ),
    }),
    [`${bronze} repeats a place`]: `SELECT ${PLACE} FROM ${bronze} GROUP BY ALL HAVING count(*) > 1`,
    [`${bronze} is not silver + dead letters`]: differs(
      `SELECT ${PLACE} FROM ${bronze}`,
      `(SELECT ${PLACE} FROM ${silver} UNION ALL ${letters})`,
    ),
    [`a dead letter of ${bronze} has other bytes`]: `SELECT 1 FROM silver_dlq_trades d JOIN ${bronze} b
      ON d.topic = b.topic AND d."partition" = b."partition" AND d.kafka_offset = b."offset"
      WHERE d.raw_record IS DISTINCT FROM b.raw_bytes OR d.kafka_timestamp IS DISTINCT FROM b.kafka_timestamp`,
  }
}

const TRADE = `message_id, trade_id, symbol, exchange, asset_class, "timestamp", price, quantity, currency, side,
  trade_conditions, source_sequence, ingestion_timestamp, platform_sequence, vendor_data, ${PLACE}, kafka_timestamp, is_late`

function goldChecks(exchanges: readonly string[]): Record<string, string> {
  const silver = exchanges.map((name) => `SELECT ${TRADE} FROM ${silverTable(name).name}`).join(' UNION ALL ')
  return {
    'gold repeats a trade': `SELECT 1 FROM gold_crypto_trades GROUP BY exchange, symbol, trade_id HAVING count(*) > 1`,
    'silver is not gold + duplicates': differs(
      `SELECT ${PLACE} FROM (${silver})`,
      `(SELECT ${PLACE} FROM gold_crypto_trades UNION ALL SELECT ${PLACE} FROM gold_duplicates)`,
    ),
    'gold has other trades than silver': differs(
      `SELECT DISTINCT exchange, symbol, trade_id FROM (${silver})`,
      `SELECT exchange, symbol, trade_id FROM gold_crypto_trades`,
    ),
    'a gold row is not its silver row': `SELECT ${TRADE} FROM gold_crypto_trades EXCEPT ALL SELECT ${TRADE} FROM (${silver})`,
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
    expect(positionsOf(silver)).toEqual(positionsOf(bronze))
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

async function checkNothingPending(lake: Lake): Promise<void> {
  const sides = new Map([DLQ_TABLE, RULE_SETS_TABLE, DUPLICATES_TABLE, GAPS_TABLE].map((side) => [side.name, side]))
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
