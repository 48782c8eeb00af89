import type { NamedColumn } from '@assay/core'
import type { Session, TemporaryTable } from '@assay/engine'
import type { DataFile, PlannedFile } from '@assay/iceberg'
import { dateText, FILE_PATH, type LakeTable, numberedScanSql, type PinnedTable } from '@assay/pipeline'
import { type CandleRow, type CandleValues, dayOf, SCALES, VALUE_NAMES } from './candle-row.js'
import { CANDLES_TABLE } from './candle-tables.js'
import { longs, texts } from './columns.js'

/** A window whose candle may have been written. */
type CandleWindow = Pick<CandleRow, 'exchange' | 'symbol' | 'currency' | 'window_size' | 'start_us'>

/** A candle as the table has it, and the file that holds it. */
export interface WrittenCandle {
  readonly path: string
  readonly values: CandleValues
  readonly late_trades: bigint
  readonly replayed_trades: bigint
  readonly revision: number
}

const KEY = 'exchange, symbol, currency, window_size, window_start'

export function windowName({ exchange, symbol, currency, window_size, start_us }: CandleWindow): string {
  return `${exchange}\0${symbol}\0${currency}\0${window_size}\0${start_us}`
}

/** Candles of the pinned table among these windows, by `windowName`. */
export async function writtenCandles(
  session: Session,
  table: LakeTable,
  pinned: PinnedTable,
  windows: readonly CandleWindow[],
): Promise<{ readonly found: ReadonlyMap<string, WrittenCandle>; readonly wanted: TemporaryTable }> {
  const wanted = await loadWindows(session, windows)
  const found = new Map<string, WrittenCandle>()
  const days = new Set(windows.map(({ start_us }) => dateText(dayOf(start_us))))
  const planned = await table.plan(pinned.version, {
    keepPartition: ({ window_date }) => typeof window_date !== 'string' || days.has(window_date),
  })
  if (planned.length === 0) return { found, wanted }
  const files = await Promise.all(planned.map((file) => table.scanFile(file)))
  const rows = await session.rows(
    `SELECT c.* FROM (${numberedScanSql(CANDLES_TABLE, files)}) c
     SEMI JOIN (${wantedSql(wanted)}) w USING (${KEY})`,
    windows.length + 1,
  )
  for (const row of rows) {
    const window = { ...(row as unknown as CandleWindow), start_us: row.window_start as bigint }
    found.set(windowName(window), {
      path: String(row[FILE_PATH]),
      values: valuesOf(row),
      late_trades: row.late_trades as bigint,
      replayed_trades: row.replayed_trades as bigint,
      revision: Number(row.revision),
    })
  }
  return { found, wanted }
}

export function loadWindows(session: Session, windows: readonly CandleWindow[]): Promise<TemporaryTable> {
  return session.load('candle_windows', windowColumns(windows), windows.length)
}

/** What the files hold beside the wanted windows, written anew: the files can go then. */
export async function copyOthers(
  session: Session,
  table: LakeTable,
  { version }: PinnedTable,
  paths: ReadonlySet<string>,
  wanted: TemporaryTable,
): Promise<DataFile[]> {
  const planned = (await table.plan(version, {})).filter(({ file }) => paths.has(file.path))
  const byDay = new Map<string, PlannedFile[]>()
  for (const file of planned) {
    const day = String(table.partitionOf(version, file)?.window_date)
    byDay.set(day, [...(byDay.get(day) ?? []), file])
  }
  const where = `(${KEY}) NOT IN (SELECT (${KEY}) FROM (${wantedSql(wanted)}))`
  const copies: DataFile[] = []
  for (const files of byDay.values()) copies.push(...(await table.copyRows(session, { table, version, files, where })))
  return copies
}

function wantedSql({ name }: TemporaryTable): string {
  return `SELECT exchange, symbol, currency, window_size, make_timestamptz(start_us) AS window_start FROM ${name}`
}

function windowColumns(windows: readonly CandleWindow[]): NamedColumn[] {
  const text = (name: 'exchange' | 'symbol' | 'currency' | 'window_size'): NamedColumn => ({
    name,
    column: texts(windows.map((window) => window[name])),
  })
  const start_us = { name: 'start_us', column: longs(windows.map((window) => window.start_us)) }
  return [text('exchange'), text('symbol'), text('currency'), text('window_size'), start_us]
}

function valuesOf(row: Readonly<Record<string, unknown>>): CandleValues {
  return Object.fromEntries(
    VALUE_NAMES.map((name) => [name, columnValue(row[name], SCALES[name])]),
  ) as unknown as CandleValues
}

function columnValue(value: unknown, scale: number | undefined): bigint | null {
  if (value === null) return null
  if (scale === undefined) return value as bigint
  const [whole = '0', fraction = ''] = String(value).split('.')
  return BigInt(`${whole}${fraction.padEnd(scale, '0')}`)
}
