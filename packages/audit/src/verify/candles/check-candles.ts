import { CANDLE_SIZES, CANDLES_TABLE } from '@assay/candles'
import { quoteIdentifier, quoteText, type Session } from '@assay/engine'
import { type CheckList, type Claim, Findings } from '../../check.js'
import { addListed } from '../../compare/compare.js'
import type { PinnedLake } from '../../pinned/pin-lake.js'
import type { PinnedScan } from '../../pinned/pinned-scan.js'
import { COMPARED, candleText, expectedSql, foundSql, KEY, largeMeasures, tradesSql } from './candle-sql.js'

export const CANDLES_CLAIM: Claim = {
  promise: 'W1',
  subject: CANDLES_TABLE.name,
  claim: 'every closed window with trades has its candle, which is what its trades in gold add up to',
}

export const CANDLE_TRADES_CLAIM: Claim = {
  promise: 'W2',
  subject: CANDLES_TABLE.name,
  claim: 'every trade of a closed window is in exactly one candle of each size',
}

const RECONCILE = 'where gold is right: "assay candles reconcile" makes candles what it says'
const LARGE_MAX = 1_000_000
const LARGE = ['volume', 'quote_volume', 'vwap', 'buy_volume', 'buy_quote_volume']

/** Candles against gold's rows below their positions, one day after the other: no window is longer. */
export async function checkCandles(session: Session, tables: PinnedLake, checks: CheckList): Promise<void> {
  const candles = tables.of(CANDLES_TABLE)
  const [measures, trades] = [new Findings(), new Findings()]
  const counts = { in_gold: 0n, in_candles: 0n, expected: 0n, candles: 0n }
  for (const day of await daysOf(session, tables.gold, candles)) {
    const ofDay = await loadDay(session, tables.gold, candles, day)
    await compareDay(session, measures)
    await addLarge(session, measures)
    await addUncounted(session, trades)
    for (const name of ['in_gold', 'in_candles', 'expected', 'candles'] as const) counts[name] += ofDay[name]
    await session.run('DROP TABLE verify_windows; DROP TABLE verify_candles; DROP TABLE verify_counts')
  }
  const both = { of_gold: counts.expected, candles: counts.candles }
  checks.done(CANDLES_CLAIM, both, measures, measures.isEmpty ? undefined : RECONCILE)
  const sizes = BigInt(CANDLE_SIZES.length)
  const bySize = { trades_by_size: counts.in_gold, in_candles: counts.in_candles, sizes }
  checks.done(CANDLE_TRADES_CLAIM, bySize, trades)
}

/** Days of any trade or candle. */
async function daysOf(session: Session, gold: PinnedScan, candles: PinnedScan): Promise<string[]> {
  const rows = await session.rows(
    `SELECT DISTINCT day::VARCHAR AS day FROM (SELECT exchange_date AS day FROM (${await gold.sql()})
     UNION ALL SELECT window_date FROM (${await candles.sql()})) ORDER BY 1`,
    LARGE_MAX,
  )
  return rows.map(({ day }) => String(day))
}

/** What the day's windows should be, and its candles, as tables. */
async function loadDay(
  session: Session,
  gold: PinnedScan,
  candles: PinnedScan,
  day: string,
): Promise<Record<'in_gold' | 'in_candles' | 'expected' | 'candles', bigint>> {
  const [date, name] = [`DATE ${quoteText(day)}`, quoteText(day)]
  const trades = await gold.sql({ keepPartition: ({ exchange_date }) => exchange_date === day })
  const rows = await candles.sql({ keepPartition: ({ window_date }) => window_date === day })
  const ofTrades = tradesSql(`SELECT * FROM (${trades}) WHERE exchange_date = ${date}`, candles.checkpoint)
  await session.createTable('verify_windows', expectedSql(ofTrades))
  await session.createTable('verify_candles', foundSql(`SELECT * FROM (${rows}) WHERE window_date = ${date}`))
  await session.createTable(
    'verify_counts',
    `SELECT ${name} AS day, window_size, coalesce(g.n, 0)::BIGINT AS in_gold, coalesce(c.n, 0)::BIGINT AS in_candles
     FROM (SELECT window_size, count(*) AS n FROM (${ofTrades}) GROUP BY 1) g
     FULL JOIN (SELECT window_size, sum(trades) AS n FROM verify_candles GROUP BY 1) c USING (window_size)`,
  )
  const [counted] = await session.rows(
    `SELECT coalesce(sum(in_gold), 0)::BIGINT AS in_gold, coalesce(sum(in_candles), 0)::BIGINT AS in_candles,
     (SELECT count(*) FROM verify_windows) AS expected, (SELECT count(*) FROM verify_candles) AS candles FROM verify_counts`,
  )
  return counted as Record<'in_gold' | 'in_candles' | 'expected' | 'candles', bigint>
}

async function compareDay(session: Session, findings: Findings): Promise<void> {
  const differing = COMPARED.map((name) => {
    const column = quoteIdentifier(name)
    const isChecked = LARGE.includes(name) ? 'NOT e.is_large AND ' : ''
    return `CASE WHEN ${isChecked}e.${column} IS DISTINCT FROM f.${column} THEN ${quoteText(`${name} is `)}
      || coalesce(f.${column}::VARCHAR, 'NULL') || ', not ' || coalesce(e.${column}::VARCHAR, 'NULL') END`
  })
  const each = `SELECT ${candleText('f')} || ': ' || array_to_string(list_filter([${differing.join(', ')}], x -> x IS NOT NULL), ', ')
    AS text FROM verify_windows e JOIN verify_candles f USING (${KEY})`
  const kinds = [
    `SELECT ${candleText('e')} || ' is closed and has ' || e.trades || ' trades in gold, but no candle' AS text
     FROM verify_windows e ANTI JOIN verify_candles USING (${KEY})`,
    `SELECT ${candleText('f')} || ' has a candle, but is open, or has no trade in gold' AS text
     FROM verify_candles f ANTI JOIN verify_windows USING (${KEY})`,
    `SELECT text FROM (${each}) WHERE NOT ends_with(text, ': ')`,
    `SELECT ${candleText('f')} || ' has revision ' || coalesce(f.revision::VARCHAR, 'NULL') AS text
     FROM verify_candles f WHERE (f.revision >= 1) IS NOT TRUE`,
  ]
  for (const sql of kinds) await addListed(session, sql, findings)
}

/** Windows whose sums need more than 128 bits: few, and computed one by one. */
async function addLarge(session: Session, findings: Findings): Promise<void> {
  const shown = LARGE.map((name) => `f.${name}::VARCHAR AS found_${name}`).join(', ')
  const sums = ['', 'buy_'].flatMap((prefix) => ['vi', 'vf', 'a1', 'a0', 'b', 'c'].map((part) => `${prefix}${part}`))
  const rows = await session.rows(
    `SELECT ${candleText('f')} AS text, ${shown}, ${sums.map((name) => `e.${name}::VARCHAR AS ${name}`).join(', ')}
     FROM verify_windows e JOIN verify_candles f USING (${KEY}) WHERE e.is_large ORDER BY 1`,
    LARGE_MAX,
  )
  for (const row of rows) {
    const differing = Object.entries(largeMeasures(row)).flatMap(([name, value]) => {
      const found = row[`found_${name}`] ?? null
      return String(found) === String(value) ? [] : [`${name} is ${found ?? 'NULL'}, not ${value ?? 'NULL'}`]
    })
    if (differing.length > 0) findings.add(`${row.text}: ${differing.join(', ')}`)
  }
}

async function addUncounted(session: Session, findings: Findings): Promise<void> {
  await addListed(
    session,
    `SELECT ${candleText('f')} || ' is there ' || count(*) || ' times' AS text FROM verify_candles f GROUP BY ${KEY} HAVING count(*) > 1`,
    findings,
  )
  await addListed(
    session,
    `SELECT day || ' ' || window_size || ': ' || in_candles || ' trades in candles, ' || in_gold || ' in gold' AS text
     FROM verify_counts WHERE in_gold <> in_candles`,
    findings,
  )
}
