import { quoteIdentifier, quoteText, type Session, type TemporaryTable } from '@assay/engine'
import { dateText, type LakeTable, type PinnedTable, scanSql } from '@assay/pipeline'
import { foldRange } from '../gold-windows.js'
import { emptyWindows, endOf, type KeyWindow, windowsIn } from '../measures/candle-windows.js'
import { CANDLE_SIZES, type CandleSize } from '../measures/sizes.js'
import type { CandleKeys } from '../measures/trade-columns.js'
import { type CandleRow, firstRow } from '../tables/candle-row.js'
import { type CandleState, readCandleState } from '../tables/candle-state.js'
import { CANDLES_TABLE } from '../tables/candle-tables.js'
import { loadMeasured, MEASURED } from '../tables/write-candles.js'

/** Candles and gold as they were looked at; exchanges as rows name them. */
interface LookedAt {
  readonly session: Session
  readonly candles: LakeTable
  readonly gold: LakeTable
  readonly pinned: { readonly candles: PinnedTable; readonly gold: PinnedTable }
  readonly exchanges: readonly string[]
  readonly keys: CandleKeys
}

interface DayLook {
  /** Closed windows of the day with trades or a candle. */
  readonly looked: bigint
  /** Of them, those whose candle is not what gold says, in pieces. */
  readonly differing: AsyncIterable<readonly KeyWindow[]>
}

const DAY_US = 86_400_000_000n
const HOUR_US = 3_600_000_000n
const HOURS = Array.from({ length: 24 }, (_, hour) => hour)
const KEY = 'exchange, symbol, currency, window_size, window_start'
/** Windows that are made anew in one commit. */
const PIECE_MAX = 100_000

/** Days since 1970 of any trade or candle, ascending. */
export async function daysOf({ session, candles, gold, pinned }: Omit<LookedAt, 'keys'>): Promise<number[]> {
  const days = async (table: LakeTable, { version }: PinnedTable, column: string): Promise<string> => {
    const files = await Promise.all((await table.plan(version, {})).map((file) => table.scanFile(file)))
    return `SELECT ${column} AS day FROM (${scanSql(table.definition, files)})`
  }
  const rows = await session.rows(
    `SELECT DISTINCT day - DATE '1970-01-01' AS day FROM (${await days(gold, pinned.gold, 'exchange_date')}
     UNION ALL ${await days(candles, pinned.candles, 'window_date')}) ORDER BY 1`,
    1_000_000,
  )
  return rows.map(({ day }) => Number(day))
}

/** Looks for candles of a day that gold does not say: an hour's trades are in memory, all else is the engine's. */
export async function lookAtDay(look: LookedAt, day: number): Promise<DayLook> {
  const { session, candles, pinned } = look
  const computed = await computedDay(look, day)
  const date = dateText(day)
  const planned = await candles.plan(pinned.candles.version, {
    keepPartition: ({ window_date }) => typeof window_date !== 'string' || window_date === date,
  })
  const files = await Promise.all(planned.map((file) => candles.scanFile(file)))
  const columns = MEASURED.map(({ name }) => quoteIdentifier(name)).join(', ')
  const own = await session.createTable(
    'reconcile_candles',
    `SELECT ${columns} FROM (${scanSql(CANDLES_TABLE, files)}) WHERE window_date = DATE ${quoteText(date)}`,
  )
  const [counted] = await session.rows(
    `SELECT count(*) AS n FROM (SELECT ${KEY} FROM ${computed.name} UNION SELECT ${KEY} FROM ${own.name})`,
  )
  const one = (a: TemporaryTable, b: TemporaryTable): string => `(FROM ${a.name} EXCEPT FROM ${b.name})`
  const differing = await session.createTable(
    'reconcile_differing',
    `SELECT *, row_number() OVER () - 1 AS n FROM (
      SELECT DISTINCT ${KEY} FROM (${one(computed, own)} UNION ALL ${one(own, computed)}))`,
  )
  return { looked: counted?.n as bigint, differing: piecesOf(session, differing, look.keys) }
}

/** What the candles of a day should be, as a table with the columns `MEASURED`. */
async function computedDay(look: LookedAt, day: number): Promise<TemporaryTable> {
  const { session, gold, pinned, exchanges, keys } = look
  const below = { session, gold, pinned: pinned.gold, positions: pinned.candles.checkpoint.lanes, keys }
  const state = readCandleState(pinned.candles.checkpoint)
  const all = await loadMeasured(session, 'reconcile_computed', [])
  const windows = emptyWindows()
  const add = async (sizes: readonly CandleSize[]): Promise<void> => {
    const rows = closedRows(windows, sizes, keys, state)
    if (rows.length > 0) {
      const part = await loadMeasured(session, 'reconcile_part', rows)
      await session.run(`INSERT INTO ${all.name} FROM ${part.name}`)
    }
    for (const { name } of sizes) windows.get(name)?.clear()
  }
  for (const hour of HOURS) {
    const from_us = BigInt(day) * DAY_US + BigInt(hour) * HOUR_US
    for (const exchange of exchanges) {
      await foldRange(below, { exchange, from_us, to_us: from_us + HOUR_US }, windows, () => true)
    }
    await add(CANDLE_SIZES.filter(({ size_us }) => size_us <= HOUR_US))
  }
  await add(CANDLE_SIZES)
  return all
}

function closedRows(
  windows: ReturnType<typeof emptyWindows>,
  sizes: readonly CandleSize[],
  keys: CandleKeys,
  { watermarks }: CandleState,
): CandleRow[] {
  const rows: CandleRow[] = []
  for (const window of windowsIn(windows)) {
    const watermark_us = watermarks.get(keys.keyOf(window.key).exchange)
    if (!sizes.includes(window.size) || watermark_us === undefined || endOf(window) > watermark_us) continue
    rows.push(firstRow(window, keys, watermarks))
  }
  return rows
}

async function* piecesOf(
  session: Session,
  { name }: TemporaryTable,
  keys: CandleKeys,
): AsyncGenerator<readonly KeyWindow[]> {
  for (let from = 0; ; from += PIECE_MAX) {
    const rows = await session.rows(
      `SELECT ${KEY} FROM ${name} WHERE n >= ${from} AND n < ${from + PIECE_MAX} ORDER BY n`,
      PIECE_MAX,
    )
    if (rows.length === 0) return
    yield rows.flatMap((row) => {
      const size = CANDLE_SIZES.find((one) => one.name === row.window_size)
      if (!size) return []
      const key = keys.numberOf(String(row.exchange), String(row.symbol), String(row.currency))
      return [{ key, size, n: Number((row.window_start as bigint) / size.size_us) }]
    })
  }
}
