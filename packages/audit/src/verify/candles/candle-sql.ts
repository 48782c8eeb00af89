import { CANDLE_SIZES, MEASURES, readCandleState } from '@assay/candles'
import { quoteText } from '@assay/engine'
import { GOLD_TABLE } from '@assay/medallion'
import { type Checkpoint, laneSql } from '@assay/pipeline'

/** What names a candle. */
export const KEY = 'exchange, symbol, currency, window_size, start_us'

/** What a candle is compared by. Decimals of 38 digits are unscaled integers, times µs since 1970. */
export const COMPARED: readonly string[] = ['end_us', 'window_date', ...MEASURES.map(([name]) => name)]

/** SQL text that names a candle. */
export function candleText(alias: string): string {
  return `${alias}.exchange || '/' || ${alias}.symbol || '/' || ${alias}.currency || ' ' || ${alias}.window_size || ' '
    || coalesce(make_timestamptz(${alias}.start_us)::VARCHAR, 'NULL')`
}

/** SQL of a decimal's digits as an integer. */
function unscaled(column: string): string {
  return `replace(${column}::VARCHAR, '.', '')::HUGEINT`
}

/** SQL of candles (SQL of the table's rows) as they are compared. */
export function foundSql(candles: string): string {
  return `SELECT exchange, symbol, currency, window_size, epoch_us(window_start) AS start_us,
    epoch_us(window_end) AS end_us, window_date, open, high, low, close, ${unscaled('volume')} AS volume,
    ${unscaled('quote_volume')} AS quote_volume, ${unscaled('vwap')} AS vwap, trades, ${unscaled('buy_volume')} AS buy_volume,
    ${unscaled('buy_quote_volume')} AS buy_quote_volume, buy_trades, first_sequence, last_sequence,
    epoch_us(open_time) AS open_time, epoch_us(close_time) AS close_time, missing_trades, revision
    FROM (${candles})`
}

/**
 * SQL of the trades that candles are made of, once for each size whose window is closed: gold's rows (SQL of them) below
 * the candles' positions. A replayed row without a number was written before there were candles.
 */
export function tradesSql(gold: string, checkpoint: Checkpoint): string {
  const lane = laneSql(GOLD_TABLE)
  const lanes = [...checkpoint.lanes].map(([key, { position }]) => `(${quoteText(key)}, ${position}::BIGINT)`)
  const closed = [...readCandleState(checkpoint).watermarks].map(([name, us]) => `(${quoteText(name)}, ${us}::BIGINT)`)
  const sizes = CANDLE_SIZES.map(({ name, size_us }) => `('${name}', ${size_us}::BIGINT)`)
  return `SELECT g.*, window_size, size_us, t - ((t % size_us) + size_us) % size_us AS start_us
    FROM (
      SELECT exchange, symbol, currency, trade_id, "timestamp" AS t, price, side, source_sequence,
        ${unscaled('price')} AS p, ${unscaled('quantity')} AS q, ${lane.key} AS lane, ${lane.offset} AS lane_offset
      FROM (${gold})
    ) g
    LEFT JOIN (VALUES ${[...lanes, '(NULL, NULL)'].join(', ')}) positions(lane, upper) ON positions.lane = g.lane
    JOIN (VALUES ${[...closed, '(NULL, NULL)'].join(', ')}) closed(exchange, watermark) ON closed.exchange = g.exchange,
    (VALUES ${sizes.join(', ')}) sizes(window_size, size_us)
    WHERE (lane_offset IS NULL OR lane_offset < upper) AND start_us + size_us <= watermark`
}

const SCALE = '10000000000::HUGEINT'
const SPLIT = '1000000000000000000::HUGEINT'
const FIRST = '(t, source_sequence IS NULL, coalesce(source_sequence, 0), trade_id)'

/**
 * SQL of what the windows' trades add up to. A product of two unscaled values has up to 56 digits, so its sum is taken of
 * three parts of which none overflows: `a1` × 10^38 + `a0` × 10^20 + `b` × 10^10 + `c`. `is_large` marks windows whose
 * sums don't surely fit 128 bits; those are computed outside.
 */
export function expectedSql(trades: string): string {
  const parts = (prefix: string, filter: string): string => `
    coalesce(sum(q // ${SCALE})${filter}, 0) AS ${prefix}vi, coalesce(sum(q % ${SCALE})${filter}, 0) AS ${prefix}vf,
    coalesce(sum(product // ${SPLIT})${filter}, 0) AS ${prefix}a1, coalesce(sum(product % ${SPLIT})${filter}, 0) AS ${prefix}a0,
    coalesce(sum(crossed)${filter}, 0) AS ${prefix}b, coalesce(sum(rest)${filter}, 0) AS ${prefix}c`
  const volume = (prefix: string): string => `${prefix}vi * ${SCALE} + ${prefix}vf`
  const quote = (prefix: string): string => `${prefix}a0 * ${SCALE} * ${SCALE} + ${prefix}b * ${SCALE} + ${prefix}c`
  const fits = (sql: string): string => `CASE WHEN NOT is_large THEN ${sql} END`
  return `SELECT * EXCLUDE (v, pq), CASE WHEN is_large THEN NULL WHEN 2 * (pq % v) > v OR (2 * (pq % v) = v AND (pq // v) % 2 = 1)
      THEN pq // v + 1 ELSE pq // v END AS vwap
    FROM (
      SELECT *, ${fits(volume(''))} AS volume, ${fits(quote(''))} AS quote_volume, volume AS v, quote_volume AS pq,
        ${fits(volume('buy_'))} AS buy_volume, ${fits(quote('buy_'))} AS buy_quote_volume
      FROM (
        SELECT *, vi >= 1e27::HUGEINT OR a1 > 0 OR a0 >= 1e17::HUGEINT OR b >= 1e27::HUGEINT AS is_large
        FROM (
          SELECT ${KEY}, start_us + any_value(size_us) AS end_us,
            make_timestamptz(start_us)::DATE AS window_date,
            arg_min(price, ${FIRST}) AS open, max(price) AS high, min(price) AS low, arg_max(price, ${FIRST}) AS close,
            count(*) AS trades, count(*) FILTER (side = 'BUY') AS buy_trades,
            min(source_sequence) AS first_sequence, max(source_sequence) AS last_sequence, min(t) AS open_time,
            max(t) AS close_time, CASE WHEN count(source_sequence) = count(*)
              THEN (max(source_sequence)::HUGEINT - min(source_sequence) + 1 - count(*))::BIGINT END AS missing_trades,
            ${parts('', '')}, ${parts('buy_', " FILTER (side = 'BUY')")}
          FROM (
            SELECT *, (p // ${SCALE}) * (q // ${SCALE}) AS product,
              (p // ${SCALE}) * (q % ${SCALE}) + (p % ${SCALE}) * (q // ${SCALE}) AS crossed,
              (p % ${SCALE}) * (q % ${SCALE}) AS rest
            FROM (${trades})
          ) GROUP BY ${KEY}
        )
      )
    )`
}

const DECIMAL_MAX = 10n ** 38n - 1n

/** The sums of a large window as the columns hold them: null where they are too large. */
export function largeMeasures(row: Readonly<Record<string, unknown>>): Record<string, bigint | null> {
  const number = (name: string): bigint => BigInt(String(row[name]))
  const volume = (prefix: string): bigint => number(`${prefix}vi`) * 10n ** 10n + number(`${prefix}vf`)
  const quote = (prefix: string): bigint =>
    number(`${prefix}a1`) * 10n ** 38n +
    number(`${prefix}a0`) * 10n ** 20n +
    number(`${prefix}b`) * 10n ** 10n +
    number(`${prefix}c`)
  const fitting = (value: bigint): bigint | null => (value <= DECIMAL_MAX ? value : null)
  const [v, pq] = [volume(''), quote('')]
  const [down, twice] = [pq / v, 2n * (pq % v)]
  return {
    volume: fitting(v),
    quote_volume: fitting(pq),
    vwap: twice > v || (twice === v && down % 2n === 1n) ? down + 1n : down,
    buy_volume: fitting(volume('buy_')),
    buy_quote_volume: fitting(quote('buy_')),
  }
}
