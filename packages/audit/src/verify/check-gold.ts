import { type LaneKey, parseLaneKey } from '@assay/core'
import { quoteText, type Session, type TemporaryTable } from '@assay/engine'
import { DUPLICATES_TABLE, GOLD_TABLE, sameTradeSql, silverTable, TRADE_KEY, TRADE_KEY_COLUMNS } from '@assay/medallion'
import { isReplayLane, replayLane, scanSql } from '@assay/pipeline'
import { type CheckList, Findings } from '../check.js'
import { addListed, compareRows, Tally } from '../compare/compare.js'
import { derivedColumns } from '../derive/processing-times.js'
import { chunksOf, type LaneRows } from '../pinned/lane-rows.js'
import type { PinnedLake } from '../pinned/pin-lake.js'
import type { OffsetRange, PinnedScan } from '../pinned/pinned-scan.js'

/** Duplicates of one piece after the other. */
const DUPLICATES = 'verify_duplicates'
const COORDINATES = 'topic, "partition", "offset"'
const AT = `d.topic || '/' || d."partition" || '/' || d."offset"`
const KEPT_AT = `d.kept_topic || '/' || d.kept_partition || '/' || d.kept_offset`
const DAY = `DATE '1970-01-01' + ("timestamp" // 86400000000)::INTEGER AS exchange_date`
const HOUR = '("timestamp" // 3600000000 % 24)::INTEGER AS exchange_hour'
/** What a duplicate has of its own row; the rest is about the row that was kept. */
const OF_DROPPED = derivedColumns(DUPLICATES_TABLE).filter(({ name }) => !/^kept_|^is_conflict$/.test(name))

interface GoldCheck {
  readonly session: Session
  readonly tables: PinnedLake
  /** What each silver table holds of its lanes, by name. */
  readonly silverRows: ReadonlyMap<string, ReadonlyMap<LaneKey, LaneRows>>
  /** All replayed rows of silver. */
  readonly replayed: TemporaryTable
  readonly checks: CheckList
}

interface GoldComparison extends GoldCheck {
  /** Silver rows that gold dropped, with what they were compared by, and the rows that they name. */
  readonly dropped: TemporaryTable
  readonly tallies: { readonly gold: Tally; readonly duplicates: Tally }
}

/**
 * Every silver row below gold's position is in gold or in the duplicates, with silver's values. Gives the rows that
 * gold dropped.
 */
export async function checkGold(check: GoldCheck): Promise<TemporaryTable> {
  const { session, tables, silverRows, checks } = check
  const nothing = droppedSql(scanSql(silverTable(''), []), scanSql(DUPLICATES_TABLE, []))
  const dropped = await session.createTable('verify_dropped', nothing)
  const tallies = { gold: new Tally(), duplicates: new Tally() }
  const comparison = { ...check, dropped, tallies }
  for (const { silver } of tables.exchanges) {
    for (const [key, lane] of tables.gold.checkpoint.lanes) {
      const rows = silverRows.get(silver.name)?.get(key)
      if (!rows || isReplayLane(parseLaneKey(key))) continue
      const to = rows.greatest < lane.position ? rows.greatest + 1n : lane.position
      for (const chunk of chunksOf({ key, from: rows.least, to })) {
        await compareChunk(comparison, silver, chunk)
      }
    }
  }
  await compareReplayed(comparison)
  const { gold, duplicates } = tallies
  checks.done(
    {
      promise: 'G2',
      subject: GOLD_TABLE.name,
      claim: 'its rows are the silver rows that are no duplicates, with their values',
    },
    { of_silver: gold.expected, in_gold: gold.found },
    gold.findings,
  )
  checks.done(
    { promise: 'G2', subject: DUPLICATES_TABLE.name, claim: 'its rows are silver rows, with their values' },
    { of_silver: duplicates.expected, in_duplicates: duplicates.found },
    duplicates.findings,
  )
  return dropped
}

async function compareChunk(comparison: GoldComparison, silver: PinnedScan, chunk: OffsetRange): Promise<void> {
  const { session, replayed, tables } = comparison
  const { gold, duplicates } = tables
  const rows = `SELECT * FROM (${await silver.rowsIn([chunk])}) WHERE replay_id IS NULL`
  const ofChunk = await session.createTable(
    DUPLICATES,
    `SELECT * FROM (${await duplicates.rowsIn([chunk])}) ANTI JOIN ${replayed.name} USING (${COORDINATES})`,
  )
  const found = `SELECT * FROM (${await gold.rowsIn([chunk])}) WHERE replay_id IS NULL`
  await compare(comparison, rows, found, ofChunk)
}

async function compareReplayed(comparison: GoldComparison): Promise<void> {
  const { session, tables } = comparison
  const { exchanges, gold, duplicates } = tables
  const read = exchanges.map(({ silver }) => {
    const position = gold.checkpoint.lanes.get(replayLane(silver.definition))?.position ?? 0n
    return `(silver_table = ${quoteText(silver.name)} AND replay_sequence < ${position})`
  })
  const rows = `SELECT * FROM ${comparison.replayed.name} WHERE ${read.join(' OR ')}`
  const ofReplayed = await session.createTable(
    DUPLICATES,
    `SELECT * FROM (${await duplicates.sql()}) SEMI JOIN (${rows}) USING (${COORDINATES})`,
  )
  const found = await gold.sql({ keep: (bounds) => bounds.hasValues('replay_id') })
  await compare(comparison, rows, `SELECT * FROM (${found}) WHERE replay_id IS NOT NULL`, ofReplayed)
}

/** Silver's rows (SQL of them) against gold's and the duplicates of the same piece. */
async function compare(
  { session, dropped, tallies }: GoldComparison,
  rows: string,
  gold: string,
  duplicates: TemporaryTable,
): Promise<void> {
  const coordinates = { topic: 'topic', partition: 'partition', offset: 'offset' }
  const dated = `SELECT *, ${DAY}, ${HOUR} FROM (${rows})`
  await compareRows(
    session,
    {
      expected: `SELECT * FROM (${dated}) ANTI JOIN ${duplicates.name} USING (${COORDINATES})`,
      found: gold,
      columns: derivedColumns(GOLD_TABLE),
      coordinates,
      missing: 'is in silver, but neither in gold nor among its duplicates',
      extra: 'is in gold, but not in silver, or is among the duplicates besides',
    },
    tallies.gold,
  )
  const [counts] = await session.rows(`SELECT count(*) AS n FROM ${duplicates.name}`)
  if (counts?.n === 0n) return
  await compareRows(
    session,
    {
      expected: `SELECT * FROM (${dated}) SEMI JOIN ${duplicates.name} USING (${COORDINATES})`,
      found: `SELECT * FROM ${duplicates.name}`,
      columns: OF_DROPPED,
      coordinates,
      missing: 'is in silver, but not among the duplicates',
      extra: 'is among the duplicates, but not in silver',
    },
    tallies.duplicates,
  )
  await session.run(`INSERT INTO ${dropped.name} ${droppedSql(rows, `FROM ${duplicates.name}`)}`)
}

function droppedSql(silver: string, duplicates: string): string {
  return `SELECT s.exchange, s.symbol, s.currency, s.trade_id, s."timestamp", s.price, s.quantity, s.side,
    topic, "partition", "offset", d.kept_topic, d.kept_partition, d.kept_offset, d.is_conflict
    FROM (${silver}) s JOIN (${duplicates}) d USING (${COORDINATES})`
}

/** Each row that gold dropped names a row of gold that is the same trade, and says rightly whether the two differ. */
export async function checkKept(
  session: Session,
  dropped: TemporaryTable,
  { gold }: PinnedLake,
  checks: CheckList,
): Promise<void> {
  const findings = new Findings()
  const [count] = await session.rows(
    `SELECT count(*) AS n, (count(*) FILTER (is_conflict)) AS conflicts, min(kept_offset) AS low, max(kept_offset) AS high FROM ${dropped.name}`,
  )
  let kept = 0n
  if (count?.n !== 0n) {
    const rows = await gold.sql({
      keep: (bounds) => bounds.meets('offset', count?.low as bigint, count?.high as bigint),
    })
    const named = await session.createTable(
      'verify_kept',
      `SELECT ${COORDINATES}, ${TRADE_KEY_COLUMNS}, "timestamp", price, quantity, side FROM (${rows})
      WHERE (${COORDINATES}) IN (SELECT (kept_topic, kept_partition, kept_offset) FROM ${dropped.name})`,
    )
    const same = `k.topic = d.kept_topic AND k."partition" = d.kept_partition AND k."offset" = d.kept_offset
      AND ${sameTradeSql('k', 'd')}`
    const differs = ['"timestamp"', 'price', 'quantity', 'side']
      .map((c) => `k.${c} IS DISTINCT FROM d.${c}`)
      .join(' OR ')
    await addListed(
      session,
      `SELECT ${AT} || ' names ' || ${KEPT_AT} || ' as kept, which is no row of that trade in gold' AS text
       FROM ${dropped.name} d ANTI JOIN ${named.name} k ON ${same}`,
      findings,
    )
    await addListed(
      session,
      `SELECT ${AT} || ' has is_conflict ' || coalesce(d.is_conflict::VARCHAR, 'NULL') || ', not ' || (${differs}) AS text
       FROM ${dropped.name} d JOIN ${named.name} k ON ${same} WHERE d.is_conflict IS DISTINCT FROM (${differs})`,
      findings,
    )
    const [found] = await session.rows(
      `SELECT count(*) AS n FROM ${dropped.name} d SEMI JOIN ${named.name} k ON ${same}`,
    )
    kept = found?.n as bigint
  }
  checks.done(
    {
      promise: 'G4',
      subject: DUPLICATES_TABLE.name,
      claim: 'each names the row of its trade that was kept, and the conflicts',
    },
    { duplicates: count?.n as bigint, with_kept_row: kept, conflicts: count?.conflicts as bigint },
    findings,
  )
}

/** Each trade id of a symbol key is in gold once. Only hashes are grouped, and names where a hash is there twice. */
export async function checkDistinct(session: Session, { gold }: PinnedLake, checks: CheckList): Promise<void> {
  const findings = new Findings()
  const rows = `SELECT ${TRADE_KEY_COLUMNS} FROM (${await gold.sql()})`
  const key = `hash(${TRADE_KEY})`
  const [counts] = await session.rows(`SELECT count(*) AS n, sum(rows) AS rows FROM (
    SELECT count(*) AS rows FROM (SELECT ${key} AS h FROM (${rows})) GROUP BY h)`)
  const distinct = counts?.n as bigint
  const total = BigInt(String(counts?.rows ?? 0n))
  if (distinct < total) {
    await addListed(
      session,
      `SELECT trade_id || ' of ' || symbol || ' is there ' || count(*) || ' times' AS text FROM (${rows})
       WHERE ${key} IN (SELECT h FROM (SELECT ${key} AS h FROM (${rows})) GROUP BY h HAVING count(*) > 1)
       GROUP BY ${TRADE_KEY} HAVING count(*) > 1`,
      findings,
    )
  }
  checks.done(
    { promise: 'G1', subject: GOLD_TABLE.name, claim: 'every trade is there once' },
    { rows: total, distinct_trades: distinct },
    findings,
  )
}
