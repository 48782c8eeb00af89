import type { Tables } from '../tables.js'
import { FROZEN_RULES, reasonSql } from './frozen-sql.js'

const TRADE = `message_id, trade_id, symbol, exchange, asset_class, "timestamp", price, quantity, currency, side,
  trade_conditions, source_sequence, ingestion_timestamp, platform_sequence, vendor_data`
const JUDGED_TRADE = `message_id, trade_id, symbol, exchange, asset_class, event_time_us AS "timestamp", price, quantity,
  currency, side, trade_conditions, source_sequence, ingestion_timestamp, "offset" AS platform_sequence, vendor_data,
  bronze_ingestion_timestamp, schema_id, (make_timestamp(event_time_us)::DATE) AS trade_date, topic, "partition", "offset",
  kafka_timestamp`

/** All columns but those that say when a row was written. */
const SILVER = `${TRADE}, bronze_ingestion_timestamp, schema_id, trade_date, topic, "partition", "offset", kafka_timestamp,
  is_late, lateness_ms, rule_version, replay_id, replay_sequence, origin, origin_id`
const DEAD_LETTERS = `raw_record, error_reason, error_type, bronze_source, kafka_offset, schema_id, dlq_date, topic,
  "partition", kafka_timestamp, error_detail, rule_version`
const GOLD = `${TRADE}, exchange_date, exchange_hour, topic, "partition", "offset", kafka_timestamp, is_late, replay_id,
  replay_sequence, lateness_ms, origin, origin_id`
const DUPLICATES = `exchange, symbol, trade_id, topic, "partition", "offset", kafka_timestamp, exchange_date, kept_topic,
  kept_partition, kept_offset, is_conflict`
const GAPS = 'exchange, symbol, from_id, to_id, after_time, before_time'

/** Relations of what the tables must hold, by the tables' names, and the columns to compare. */
const COMPARED: readonly (readonly [table: string, columns: string])[] = [
  ['silver_binance_trades', SILVER],
  ['silver_kraken_trades', SILVER],
  ['silver_dlq_trades', DEAD_LETTERS],
  ['gold_crypto_trades', GOLD],
  ['gold_duplicates', DUPLICATES],
  ['gold_open_gaps', GAPS],
]

/** A replay of all dead letters of the phases up to one, with the phase in which gold took its rows. */
interface Replayed {
  readonly id: string
  readonly exchange: string
  readonly upToPhase: number
  readonly goldPhase: number
}

/** Makes `expected_<table>` of all tables behind bronze, from what the frozen statements judged. */
export async function deriveByFrozenSql(
  { session }: Tables,
  exchanges: readonly string[],
  replayed: Replayed,
): Promise<void> {
  for (const name of exchanges) {
    const judged = `expected_${name}_judged`
    const replays = name === replayed.exchange ? `UNION ALL ${replayedSql(judged, replayed)}` : ''
    await session.run(`CREATE TEMP TABLE expected_silver_${name}_trades AS
      SELECT ${JUDGED_TRADE}, is_late, lateness_ms, rule_version, NULL::VARCHAR AS replay_id, NULL::BIGINT AS replay_sequence,
        'feed' AS origin, NULL::VARCHAR AS origin_id, phase AS gold_phase FROM ${judged} WHERE error_reason IS NULL ${replays}`)
  }
  const letters = exchanges.map(
    (name) => `SELECT raw_bytes AS raw_record, error_reason, error_type, 'bronze_${name}_trades' AS bronze_source,
      "offset" AS kafka_offset, schema_id, make_timestamp(coalesce(kafka_us, 0))::DATE AS dlq_date, topic, "partition",
      kafka_timestamp, error_detail, rule_version FROM expected_${name}_judged WHERE error_reason IS NOT NULL`,
  )
  await session.run(`CREATE TEMP TABLE expected_silver_dlq_trades AS ${letters.join(' UNION ALL ')}`)
  await session.run(goldOrderSql(exchanges))
  await session.run(`CREATE TEMP TABLE expected_gold_crypto_trades AS SELECT *, ("timestamp" // 3600000000) % 24 AS exchange_hour
    FROM gold_ordered WHERE nth = 1`)
  await session.run(`CREATE TEMP TABLE expected_gold_duplicates AS
    SELECT d.exchange, d.symbol, d.trade_id, d.topic, d."partition", d."offset", d.kafka_timestamp, d.exchange_date,
      k.topic AS kept_topic, k."partition" AS kept_partition, k."offset" AS kept_offset,
      (k."timestamp" IS DISTINCT FROM d."timestamp" OR k.price IS DISTINCT FROM d.price
      OR k.quantity IS DISTINCT FROM d.quantity OR k.side IS DISTINCT FROM d.side) AS is_conflict
    FROM (FROM gold_ordered WHERE nth > 1) d JOIN (FROM gold_ordered WHERE nth = 1) k USING (trade_key)`)
  await session.run(`CREATE TEMP TABLE expected_gold_open_gaps AS SELECT exchange, symbol, id + 1 AS from_id, next_id AS to_id,
      make_timestamptz("timestamp") AS after_time, make_timestamptz(next_us) AS before_time
    FROM (SELECT exchange, symbol, source_sequence AS id, "timestamp", lead(source_sequence) OVER ids AS next_id,
        lead("timestamp") OVER ids AS next_us
      FROM gold_ordered WHERE nth = 1 AND abs(source_sequence) < 9007199254740992
      WINDOW ids AS (PARTITION BY exchange, symbol, key_currency ORDER BY source_sequence)) WHERE next_id > id + 1`)
  await session.run(`CREATE TEMP VIEW gold_open_gaps AS
    SELECT * FROM (FROM gold_trade_gap_changes WHERE change = 'opened') ANTI JOIN
      (FROM gold_trade_gap_changes WHERE change = 'closed') USING (exchange, symbol, from_id, to_id)`)
}

/** SQL of the dead letters that pass the rules of today, in the order in which a replay numbers them. */
function replayedSql(judged: string, { id, upToPhase, goldPhase }: Replayed): string {
  return `SELECT ${JUDGED_TRADE}, NULL::BOOLEAN, NULL::BIGINT, '${FROZEN_RULES.version}', '${id}',
      row_number() OVER (ORDER BY topic, "partition", "offset") - 1, 'replay', '${id}', ${goldPhase}
    FROM ${judged} WHERE error_reason IS NOT NULL AND phase <= ${upToPhase} AND ${reasonSql(FROZEN_RULES.rules)} IS NULL`
}

/** Rows of all silver tables with the key of their trade, and which of its rows in gold's order they are. */
function goldOrderSql(exchanges: readonly string[]): string {
  const rows = exchanges.map((name) => `SELECT * FROM expected_silver_${name}_trades`)
  return `CREATE TEMP TABLE gold_ordered AS SELECT *, row_number() OVER (
      PARTITION BY trade_key ORDER BY gold_phase, topic, "partition", coalesce(replay_sequence, "offset")) AS nth
    FROM (SELECT *, [exchange, symbol, key_currency, trade_id] AS trade_key FROM (
      SELECT *, trade_date AS exchange_date, CASE WHEN exchange IN ('KRAKEN') THEN currency END AS key_currency
      FROM (${rows.join(' UNION ALL ')})))`
}

/** How many trades came in several lanes in one phase: of those nothing but a batch's order says which one gold keeps. */
export const UNDECIDED = `SELECT count(*) FROM (SELECT 1 FROM gold_ordered GROUP BY trade_key, gold_phase
  HAVING count(DISTINCT (topic, "partition")) > 1)`

/**
 * How many changes of gaps can't be, wherever batches ended: opened between other trades than gold's or at other times than
 * theirs, closed with a time, or closed without having been open.
 */
export const IMPOSSIBLE_GAP_CHANGES = `SELECT (SELECT count(*) FROM gold_trade_gap_changes c WHERE change = 'opened' AND NOT (
      EXISTS (FROM gold_ordered g WHERE nth = 1 AND g.exchange = c.exchange AND g.symbol = c.symbol
        AND g.source_sequence = c.from_id - 1 AND make_timestamptz(g."timestamp") = c.after_time)
      AND EXISTS (FROM gold_ordered g WHERE nth = 1 AND g.exchange = c.exchange AND g.symbol = c.symbol
        AND g.source_sequence = c.to_id AND make_timestamptz(g."timestamp") = c.before_time)))
    + (SELECT count(*) FROM gold_trade_gap_changes WHERE change = 'closed' AND (after_time IS NOT NULL OR before_time IS NOT NULL))
    + (SELECT count(*) FROM (SELECT 1 FROM gold_trade_gap_changes GROUP BY exchange, symbol, from_id, to_id
      HAVING count(*) FILTER (change = 'closed') > count(*) FILTER (change = 'opened')))`

/** Kinds of rows that the records are made to give, each as SQL that is true when they are there. */
const KINDS: Readonly<Record<string, string>> = {
  'every reason of the rules': `SELECT count(DISTINCT error_reason) > 22 FROM expected_silver_dlq_trades`,
  'several mistakes in one record': `SELECT bool_or(error_detail LIKE '%; %; %; %') FROM expected_silver_dlq_trades`,
  'late rows': 'SELECT count(*) > 10 FROM expected_silver_binance_trades WHERE is_late',
  'fields of the writer alone': `SELECT count(*) > 10 FROM expected_silver_binance_trades WHERE vendor_data LIKE '%order_ids%'`,
  'trades without a number': 'SELECT count(*) > 10 FROM expected_gold_crypto_trades WHERE source_sequence IS NULL',
  'copies of trades without a number': `SELECT count(*) > 10 FROM gold_ordered WHERE nth > 1 AND source_sequence IS NULL`,
  'gaps that were filled': `SELECT count(*) > 10 FROM gold_trade_gap_changes WHERE change = 'closed'`,
  conflicts: 'SELECT count(*) > 10 FROM expected_gold_duplicates WHERE is_conflict',
  'copies soon after': `SELECT count(*) > 10 FROM expected_gold_duplicates WHERE "offset" - kept_offset < 10`,
  'copies long after': `SELECT count(*) > 10 FROM expected_gold_duplicates WHERE "offset" - kept_offset > 500`,
  'replayed trades': 'SELECT count(*) > 10 FROM expected_gold_crypto_trades WHERE replay_id IS NOT NULL',
  'replayed copies': 'SELECT count(*) > 10 FROM gold_ordered WHERE nth > 1 AND replay_id IS NOT NULL',
  'copies of replayed trades': `SELECT count(*) > 10 FROM expected_gold_duplicates
    SEMI JOIN (SELECT topic AS kept_topic, "partition" AS kept_partition, "offset" AS kept_offset
      FROM expected_gold_crypto_trades WHERE replay_id IS NOT NULL) USING (kept_topic, kept_partition, kept_offset)`,
  'numbers beyond doubles':
    'SELECT count(*) > 1 FROM expected_gold_crypto_trades WHERE source_sequence > 9007199254740992',
}

/** Kinds of rows that are missing: what a test compares must hold them all. */
export async function absentKinds({ value }: Tables): Promise<string[]> {
  const absent: string[] = []
  for (const [kind, sql] of Object.entries(KINDS)) if ((await value(sql)) !== true) absent.push(kind)
  return absent
}

/** Of each table the number of rows, and as texts some that only it or only the derivation has. */
export async function differences({ rows, value }: Tables): Promise<Record<string, Compared>> {
  const found: Record<string, Compared> = {}
  for (const [table, columns] of COMPARED) {
    const actual = `SELECT ${columns} FROM ${table}`
    const expected = `SELECT ${columns} FROM expected_${table}`
    const different = await rows(`SELECT left(row_text, 1000) AS row_text FROM (
      SELECT 'expected: ' || d::VARCHAR AS row_text FROM (${expected} EXCEPT ALL ${actual}) d
      UNION ALL SELECT 'found: ' || d::VARCHAR FROM (${actual} EXCEPT ALL ${expected}) d) ORDER BY 1 LIMIT 20`)
    const count = Number(await value(`SELECT count(*) FROM ${table}`))
    found[table] = { rows: count, different: different.map(({ row_text }) => String(row_text)) }
  }
  return found
}

interface Compared {
  readonly rows: number
  readonly different: readonly string[]
}
