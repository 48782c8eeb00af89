import { REVISED } from '@assay/candles'
import type { Lake } from '@assay/lake'
import { CANDLE_ROWS, expectedOf } from './candles.js'
import type { Tables } from './tables.js'

const KEY = 'exchange, symbol, currency, window_size, window_start'

/**
 * What is wrong with the candles at any commit of them: two rows of a window, or one that is not what gold's rows below
 * the positions add up to (W1), that lacks (W2), or whose window is not closed.
 */
export async function wrongCandles(lake: Lake, tables: Tables): Promise<string[]> {
  const [found, expected] = [await tables.rows(CANDLE_ROWS), await expectedOf(lake, tables)]
  const [has, needs] = [new Set(found.map(textOf)), new Set(expected.map(textOf))]
  return [
    ...(has.size < found.length ? ['gold_candles repeats a window'] : []),
    ...[...has].filter((row) => !needs.has(row)).map((row) => `not what gold adds up to: ${row}`),
    ...[...needs].filter((row) => !has.has(row)).map((row) => `not in gold_candles: ${row}`),
  ]
}

/** What is wrong between the candles and their ledgers, once these have all that was committed for them. */
export async function wrongLedgers({ rows }: Tables): Promise<string[]> {
  const checks = {
    'a candle is written twice': `SELECT ${KEY} FROM gold_candles GROUP BY ALL HAVING count(*) > 1`,
    'the revisions of a candle have a hole': `SELECT ${KEY} FROM gold_candle_revisions GROUP BY ALL
      HAVING count(*) <> max(revision) - 1 OR count(DISTINCT revision) <> count(*) OR min(revision) <> 2`,
    'a revision does not begin with what was before': `SELECT * FROM gold_candle_revisions a JOIN gold_candle_revisions b
      USING (${KEY}) WHERE b.revision = a.revision + 1 AND (${differing('a.new_', 'b.old_')})`,
    'the newest revision is not the candle': `SELECT * FROM gold_candles c LEFT JOIN (
        SELECT * FROM gold_candle_revisions QUALIFY row_number() OVER (PARTITION BY ${KEY} ORDER BY revision DESC) = 1
      ) r USING (${KEY}) WHERE c.revision <> coalesce(r.revision, 1)
      OR (r.revision IS NOT NULL AND (${differing('r.new_', 'c.')}))`,
    'a revision is of no candle': `SELECT * FROM gold_candle_revisions ANTI JOIN gold_candles USING (${KEY})`,
    'a late trade is noted twice': `SELECT topic, "partition", "offset" FROM gold_late_trades GROUP BY ALL
      HAVING count(*) > 1`,
    'late trades are not those of their minute': `SELECT * FROM (SELECT exchange, symbol, window_start, count(*) AS n
        FROM gold_late_trades GROUP BY ALL) l FULL JOIN (SELECT exchange, symbol, window_start, sum(late_trades) AS n
        FROM gold_candles WHERE window_size = '1m' GROUP BY ALL HAVING sum(late_trades) > 0) c
      USING (exchange, symbol, window_start) WHERE l.n IS DISTINCT FROM c.n`,
  }
  const wrong: string[] = []
  for (const [name, sql] of Object.entries(checks)) if ((await rows(sql)).length > 0) wrong.push(name)
  return wrong
}

function differing(a: string, b: string): string {
  return REVISED.map((name) => `${a}${name} IS DISTINCT FROM ${b}${name}`).join(' OR ')
}

function textOf(row: Readonly<Record<string, unknown>>): string {
  return Object.entries(row)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
}
