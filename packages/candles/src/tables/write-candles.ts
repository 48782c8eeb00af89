import type { Column } from '@assay/core'
import { quoteIdentifier, type Session, type TemporaryTable } from '@assay/engine'
import type { DataFile } from '@assay/iceberg'
import { type ColumnDefinition, dateText, type StageContext, sqlType, type TableDefinition } from '@assay/pipeline'
import { type CandleRow, dayOf, type LateTrade, type Revision, SCALES, VALUE_NAMES } from './candle-row.js'
import { CANDLES_TABLE, LATE_TRADES_TABLE, REVISED, REVISIONS_TABLE } from './candle-tables.js'
import { decimals, integers, longs, texts, times } from './columns.js'

const TIMES: ReadonlySet<string> = new Set(['open_time', 'close_time'])

/** Writes candles, a file a day, sorted as the table says. */
export async function writeCandles(context: StageContext, rows: readonly CandleRow[]): Promise<DataFile[]> {
  const now_us = nowOf(context)
  const files: DataFile[] = []
  for (const [day, own] of byDay(rows, ({ start_us }) => dayOf(start_us))) {
    const columns = new Map<string, Column>([
      ...measuredColumns(own),
      ['window_date', days(own.length, day)],
      ['late_trades', longs(own.map(({ late_trades }) => late_trades))],
      ['revision', integers(own.map(({ revision }) => revision))],
      ['watermark', times(own.map(({ watermark_us }) => watermark_us))],
      ['emitted_at', times(own.map(() => now_us))],
    ])
    const file = await write(context, CANDLES_TABLE, columns, own.length, { window_date: dateText(day) })
    if (file) files.push(file)
  }
  return files
}

/** What a candle is a function of gold in, as a temporary table with the columns `MEASURED`, typed as in the table. */
export async function loadMeasured(
  session: Session,
  name: string,
  rows: readonly CandleRow[],
): Promise<TemporaryTable> {
  const columns = [...measuredColumns(rows)].map(([column, values]) => ({ name: column, column: values }))
  const loaded = await session.load(`${name}_loaded`, columns, rows.length)
  return session.createTable(name, `SELECT ${typedColumns(MEASURED).join(', ')} FROM ${loaded.name}`)
}

/** What names a candle, and what gold says of it. */
export const MEASURED: readonly ColumnDefinition[] = CANDLES_TABLE.columns.filter(({ name }) =>
  [
    'exchange',
    'symbol',
    'currency',
    'window_size',
    'window_start',
    'window_end',
    ...VALUE_NAMES,
    'replayed_trades',
  ].includes(name),
)

function measuredColumns(rows: readonly CandleRow[]): Map<string, Column> {
  return new Map<string, Column>([
    ...windowColumns(rows),
    ['window_end', times(rows.map(({ end_us }) => end_us))],
    ...VALUE_NAMES.map(
      (name) =>
        [
          name,
          valueColumn(
            name,
            rows.map(({ values }) => values[name]),
          ),
        ] as const,
    ),
    ['replayed_trades', longs(rows.map(({ replayed_trades }) => replayed_trades))],
  ])
}

/** Writes what changed of candles, a file a day. */
export async function writeRevisions(context: StageContext, revisions: readonly Revision[]): Promise<DataFile[]> {
  const now_us = nowOf(context)
  const files: DataFile[] = []
  for (const [day, own] of byDay(revisions, ({ window }) => dayOf(window.start_us))) {
    const causes = own.map(({ cause }) => cause)
    const columns = new Map<string, Column>([
      ...windowColumns(own.map(({ window }) => window)),
      ['window_date', days(own.length, day)],
      ['revision', integers(own.map(({ revision }) => revision))],
      ['cause', texts(causes.map(({ cause }) => cause))],
      ...VALUE_NAMES.filter((name) => REVISED.includes(name)).flatMap((name) => [
        [
          `old_${name}`,
          valueColumn(
            name,
            own.map(({ before }) => before[name]),
          ),
        ] as const,
        [
          `new_${name}`,
          valueColumn(
            name,
            own.map(({ after }) => (after ? after[name] : name === 'trades' ? 0n : null)),
          ),
        ] as const,
      ]),
      ['trades_added', longs(causes.map(({ added }) => BigInt(added)))],
      ['cause_topic', texts(causes.map(({ at }) => at?.topic ?? null))],
      ['cause_partition', longs(causes.map(({ at }) => (at ? BigInt(at.partition) : null)))],
      ['cause_offset', longs(causes.map(({ at }) => at?.offset ?? null))],
      ['revised_at', times(own.map(() => now_us))],
    ])
    const file = await write(context, REVISIONS_TABLE, columns, own.length, { window_date: dateText(day) })
    if (file) files.push(file)
  }
  return files
}

/** Writes trades that came when their minute was closed. */
export async function writeLateTrades(context: StageContext, trades: readonly LateTrade[]): Promise<DataFile[]> {
  if (trades.length === 0) return []
  const now_us = nowOf(context)
  const day = dayOf(now_us)
  const columns = new Map<string, Column>([
    ['topic', texts(trades.map(({ topic }) => topic))],
    ['partition', integers(trades.map(({ partition }) => partition))],
    ['offset', longs(trades.map(({ offset }) => offset))],
    ['exchange', texts(trades.map(({ exchange }) => exchange))],
    ['symbol', texts(trades.map(({ symbol }) => symbol))],
    ['trade_id', texts(trades.map(({ trade_id }) => trade_id))],
    ['window_start', times(trades.map(({ start_us }) => start_us))],
    ['lateness_ms', longs(trades.map(({ lateness_ms }) => lateness_ms))],
    ['noted_date', days(trades.length, day)],
    ['noted_at', times(trades.map(() => now_us))],
  ])
  const file = await write(context, LATE_TRADES_TABLE, columns, trades.length, { noted_date: dateText(day) })
  return file ? [file] : []
}

function byDay<T>(items: readonly T[], day: (item: T) => number): Map<number, T[]> {
  const days = new Map<number, T[]>()
  for (const item of items) {
    const own = days.get(day(item))
    if (own) own.push(item)
    else days.set(day(item), [item])
  }
  return days
}

function windowColumns(rows: readonly Revision['window'][]): (readonly [string, Column])[] {
  return [
    ['exchange', texts(rows.map(({ exchange }) => exchange))],
    ['symbol', texts(rows.map(({ symbol }) => symbol))],
    ['currency', texts(rows.map(({ currency }) => currency))],
    ['window_size', texts(rows.map(({ window_size }) => window_size))],
    ['window_start', times(rows.map(({ start_us }) => start_us))],
  ]
}

function valueColumn(name: string, values: readonly (bigint | null)[]): Column {
  const scale = SCALES[name]
  if (scale !== undefined) return decimals(values, scale)
  return TIMES.has(name) ? times(values) : longs(values)
}

function nowOf({ clock }: StageContext): bigint {
  return BigInt(Math.round(clock.now_ms())) * 1000n
}

/** Through the engine, since its decimals have 38 digits; these are few rows. */
async function write(
  context: StageContext,
  table: TableDefinition,
  columns: ReadonlyMap<string, Column>,
  count: number,
  partition: Readonly<Record<string, string>>,
): Promise<DataFile | undefined> {
  const named = [...columns].map(([name, column]) => ({ name, column }))
  const loaded = await context.session.load('candle_rows', named, count)
  const typed = typedColumns(table.columns)
  const order = table.orderBy.map(quoteIdentifier).join(', ')
  return context.write(table, `SELECT ${typed.join(', ')} FROM ${loaded.name} ORDER BY ${order}`, partition)
}

function typedColumns(columns: readonly ColumnDefinition[]): string[] {
  return columns.map(({ name, type }) => {
    const quoted = quoteIdentifier(name)
    return `CAST(${quoted} AS ${sqlType(type)}) AS ${quoted}`
  })
}

function days(count: number, day: number): Column {
  return { type: 'DATE', data: new Int32Array(count).fill(day) }
}
