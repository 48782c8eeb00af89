import type { Candle, CandleRequest } from '@assay/operations'
import { closest } from 'fastest-levenshtein'
import { count, instantOfSeconds } from '../../print/numbers.js'
import { type PrintedColumn, tableText, visible } from '../../print/table.js'
import { wrapText } from '../../run/wrap.js'

/** Each book with its candles in a table and in a chart. */
export function booksText(candles: readonly Candle[], windows: string, width: number, style: ChartStyle): string {
  const books = new Map<string, Candle[]>()
  for (const candle of candles) {
    const name = bookOf(candle)
    const book = books.get(name) ?? []
    book.push(candle)
    books.set(name, book)
  }
  return [...books]
    .map(
      ([name, book]) =>
        `${wrapText(`${name}, ${windows}\n`, width)}${bookTable(book, width)}${chart(book, width, style)}`,
    )
    .join('\n')
}

function bookTable(candles: readonly Candle[], width: number): string {
  const isRevised = candles.some(({ revision = 1 }) => revision !== 1)
  const columns: readonly PrintedColumn[] = [
    { head: 'window', isWhole: true },
    { head: 'open', align: 'right', dropped: 2 },
    { head: 'high', align: 'right', dropped: 3 },
    { head: 'low', align: 'right', dropped: 4 },
    { head: 'close', align: 'right' },
    { head: 'volume', align: 'right', dropped: 0 },
    { head: 'trades', align: 'right', dropped: 1 },
    ...(isRevised ? [{ head: 'revision', align: 'right' } as const] : []),
  ]
  const rows = candles.map((candle) => [...cellsOf(candle), ...(isRevised ? [revisionCell(candle)] : [])])
  return tableText(columns, rows, width)
}

function cellsOf({ window_start, open, high, low, close, volume, trades }: Candle): string[] {
  return [
    minute(window_start),
    ...[open, high, low, close].map(plain),
    volume === null ? 'NULL' : plain(volume),
    count(trades),
  ]
}

function revisionCell({ revision = 1 }: Candle): string {
  return revision === 1 ? '' : String(revision)
}

/** One that has come or has changed, on a line. */
export function candleLine(candle: Candle): string {
  const [window, open, high, low, close, volume, trades] = cellsOf(candle)
  const changed = candle.revision === undefined || candle.revision === 1 ? '' : `, revision ${candle.revision}`
  return `${window} ${bookOf(candle)}: open ${open}, high ${high}, low ${low}, close ${close}, volume ${volume}, trades ${trades}${changed}\n`
}

function bookOf({ exchange, symbol, currency }: Candle): string {
  return `${visible(exchange)} ${visible(symbol)} in ${visible(currency)}`
}

function chart(candles: readonly Candle[], width: number, style: ChartStyle): string {
  const drawn = candles.map(({ open, high, low, close }) => ({
    open: Number(open),
    high: Number(high),
    low: Number(low),
    close: Number(close),
  }))
  return chartText(drawn, width, style, (price) => price.toPrecision(8).replace(/\.?0+$/, ''))
}

/** Why there is nothing to show. */
export function nothingText(
  { size, gap_ms, symbol, exchange }: CandleRequest,
  symbols: readonly string[],
  watermarks: ReadonlyMap<string, bigint>,
): string {
  if (watermarks.size === 0 && gap_ms === undefined) {
    return 'No candle has been written yet: one is when its window is closed.\n  next: assay up\n'
  }
  if (symbol !== undefined && !symbols.includes(symbol)) {
    const nearest = symbols.length === 0 ? '' : ` (Did you mean ${visible(closest(symbol, symbols))}?)`
    return `No candle of ${visible(symbol)}${exchange === undefined ? '' : ` at ${exchange}`}${nearest}\n`
  }
  if (gap_ms !== undefined) return 'No trade here.\n'
  return `No candle of ${size} here.\n${watermarksText(watermarks)}`
}

function watermarksText(watermarks: ReadonlyMap<string, bigint>): string {
  return [...watermarks]
    .map(([exchange, watermark]) => `${visible(exchange)}: windows are closed up to ${instantOfSeconds(watermark)}\n`)
    .join('')
}

function minute(time_us: bigint): string {
  return instantOfSeconds(time_us).replace(/:00Z$/, 'Z')
}

/** A decimal without zeros at its end. */
function plain(decimal: string): string {
  return decimal.replace(/\.?0+$/, '')
}

/** How a chart is drawn: what stands for the way from open to close, and for that from low to high. */
export interface ChartStyle {
  readonly body: string
  readonly wick: string
  readonly axis: string
}

export const BLOCKS: ChartStyle = { body: '█', wick: '│', axis: '┤' }
export const ASCII: ChartStyle = { body: '#', wick: '|', axis: '|' }

const LINES = 8

/** Prices of a candle, for eyes. */
interface DrawnCandle {
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
}

/** A chart of the newest candles that fit the width, one a column; nothing where there is no room for two. */
function chartText(candles: readonly DrawnCandle[], width: number, style: ChartStyle, price: Label): string {
  const highest = Math.max(...candles.map(({ high }) => high))
  const lowest = Math.min(...candles.map(({ low }) => low))
  const labels = [price(highest), price(lowest)]
  const margin = Math.max(...labels.map((label) => label.length))
  const room = Math.floor(Math.min(width - margin - 2, candles.length))
  if (room < 2) return ''
  const shown = candles.slice(-room)
  const line = (value: number): number =>
    highest === lowest ? LINES - 1 : Math.round(((highest - value) / (highest - lowest)) * (LINES - 1))
  return Array.from({ length: LINES }, (_, y) => {
    const label = y === 0 ? labels[0] : y === LINES - 1 ? labels[1] : ''
    const cells = shown.map((candle) => cellAt(candle, line, y, style)).join('')
    return `${`${(label ?? '').padStart(margin)} ${style.axis}${cells}`.trimEnd()}\n`
  }).join('')
}

type Label = (value: number) => string

function cellAt(candle: DrawnCandle, line: (value: number) => number, y: number, { body, wick }: ChartStyle): string {
  const [open, close] = [line(candle.open), line(candle.close)]
  if (y >= Math.min(open, close) && y <= Math.max(open, close)) return body
  return y >= line(candle.high) && y <= line(candle.low) ? wick : ' '
}
