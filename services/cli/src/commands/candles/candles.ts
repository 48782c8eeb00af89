import { AssayError, systemClock } from '@assay/core'
import { exchangeNamed, exchanges } from '@assay/exchanges'
import type { Lake } from '@assay/lake'
import { openQuery, type Query, type QueryResult } from '@assay/query'
import type { Command } from 'commander'
import { globalOptions } from '../../parse/global-options.js'
import { ListedOption } from '../../parse/listed-option.js'
import { OptionReader } from '../../parse/options.js'
import { parseTime } from '../../parse/times.js'
import { jsonText } from '../../print/json.js'
import { instantOfMicros } from '../../print/numbers.js'
import { resultJson } from '../../print/result.js'
import { ExitCode } from '../../run/exit-code.js'
import { type Io, write } from '../../run/io.js'
import type { Accept } from '../../run/job.js'
import { untilAborted } from '../../run/stopped.js'
import { withLakeToLookAt, withLakeToRead } from '../../run/with-lake.js'
import { wrapText } from '../../run/wrap.js'
import { ASCII, BLOCKS, booksText, type ChartStyle, candleLine, nothingText } from './candles-text.js'

/** Candles that one look gives at most, of all books together. */
const ROWS_MAX = 10_000
const TIMEOUT_MS = 60_000
const TABLE = 'gold_candles'

const SIZES = ['1m', '5m', '15m', '1h', '1d'] as const

export interface CandleRequest {
  readonly size: (typeof SIZES)[number]
  /** As the tables name it, in capitals. */
  readonly exchange?: string
  readonly symbol?: string
  /** Windows that begin in [from, to), ms since 1970. */
  readonly from_ms?: number
  readonly to_ms?: number
  /** How many of each book, the newest. */
  readonly limit: number
}

/** A candle; decimals are exact texts, times µs since 1970. */
export interface Candle {
  readonly exchange: string
  readonly symbol: string
  readonly currency: string
  readonly window_start: bigint
  readonly open: string
  readonly high: string
  readonly low: string
  readonly close: string
  /** Null where no column holds the sum. */
  readonly volume: string | null
  readonly trades: bigint
  readonly revision: number
  readonly emitted_at: bigint
}

interface CandleLook {
  readonly result: QueryResult
  /** The newest last. */
  readonly candles: readonly Candle[]
  /** Of each exchange that has candles, up to where they say that windows are closed. */
  readonly watermarks: ReadonlyMap<string, bigint>
  /** Symbols that have candles, of the exchange that is asked for. */
  readonly symbols: readonly string[]
}

const EXCHANGE_NAMES = exchanges.map(({ name }) => name)

const LIMIT = { least: 1, most: 1_000 }
const LIMIT_DEFAULT = 20
const FOLLOW_MS = 2_000
/** Candles of which it is remembered that they were shown. */
const SHOWN_MAX = 100_000

interface Options {
  readonly exchange?: string
  readonly symbol?: string
  readonly size?: string
  readonly from?: string
  readonly to?: string
  readonly limit?: string
  readonly follow?: boolean
}

export function addCandles(program: Command, accept: Accept): void {
  program
    .command('candles')
    .summary('candles of closed windows, as a table and a chart')
    .description(
      'Shows the newest candles of every book, the newest last: a window is there once the watermark of its exchange has ' +
        'reached its end. A candle that a late trade changed has a revision above 1. The views gold_candles_1m to ' +
        'gold_candles_1d have all their columns. The chart is drawn in ASCII where NO_COLOR is set or the output is no terminal.',
    )
    .addOption(
      new ListedOption('--exchange <name>', `only of this one: ${EXCHANGE_NAMES.join(' or ')}`, EXCHANGE_NAMES),
    )
    .option('--symbol <name>', 'only of this pair, as gold names it: BTCUSDT')
    .addOption(new ListedOption('--size <size>', `${SIZES.join(', ')} (1m by default)`, SIZES))
    .option('--from <time>', 'windows that begin then or later: a day or a time in UTC')
    .option('--to <time>', 'windows that begin before its end')
    .option('--limit <n>', `how many of each book (${LIMIT_DEFAULT} by default)`)
    .option('--follow', 'go on with new and revised ones until Ctrl-C; with --json one value a line')
    .addHelpText('after', '\nExamples:\n  assay candles --symbol BTCUSDT\n  assay candles --size 5m --follow')
    .action((options: Options, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const request = readRequest(reader, options)
      const within = options.follow ? withLakeToRead : withLakeToLookAt
      accept(reader.mistakes, (io) =>
        within(location, io, (lake) => {
          const shown = { json, style: styleOf(io) }
          return options.follow ? follow(lake, request, io, shown) : show(lake, request, io, shown)
        }),
      )
    })
}

function readRequest(reader: OptionReader, options: Options): CandleRequest {
  const size = reader.choice('size', options.size, SIZES) ?? '1m'
  const exchange = reader.parsed('--exchange', options.exchange, exchangeNamed)
  const from_ms = reader.parsed('--from', options.from, parseTime)?.from_ms
  const to_ms = reader.parsed('--to', options.to, parseTime)?.to_ms
  const limit = reader.integer('limit', options.limit, LIMIT) ?? LIMIT_DEFAULT
  if (from_ms !== undefined && to_ms !== undefined && from_ms >= to_ms)
    reader.contradiction('--from is not before --to')
  return {
    size,
    limit,
    ...(exchange && { exchange: exchange.name.toUpperCase() }),
    ...(options.symbol !== undefined && { symbol: options.symbol.toUpperCase() }),
    ...(from_ms !== undefined && { from_ms }),
    ...(to_ms !== undefined && { to_ms }),
  }
}

function styleOf({ stdoutIsTerminal, env }: Io): ChartStyle {
  return stdoutIsTerminal && !env.NO_COLOR ? BLOCKS : ASCII
}

interface Shown {
  readonly json: boolean
  readonly style: ChartStyle
}

async function show(lake: Lake, request: CandleRequest, io: Io, { json, style }: Shown): Promise<ExitCode> {
  const { result, candles, watermarks, symbols } = await lookAtCandles(lake, request)
  const isUnknown = request.symbol !== undefined && watermarks.size > 0 && !symbols.includes(request.symbol)
  const code = isUnknown ? ExitCode.found_wrong : ExitCode.done
  if (json) {
    const closed = Object.fromEntries([...watermarks].map(([name, us]) => [name, instantOfMicros(us, 'Z')]))
    await write(io.stdout, jsonText({ candles: resultJson(result), watermarks: closed }))
  } else if (candles.length > 0) {
    await write(io.stdout, booksText(candles, request.size, io.stdoutWidth, style))
  } else {
    const [stream, width] = isUnknown ? [io.stderr, io.stderrWidth] : [io.stdout, io.stdoutWidth]
    await write(stream, wrapText(nothingText(request, symbols, watermarks), width))
  }
  return code
}

/** Shows what there is, then each candle that comes or changes, until the signal. */
async function follow(lake: Lake, request: CandleRequest, io: Io, { json, style }: Shown): Promise<ExitCode> {
  const shown = new Map<string, string>()
  let since_us: bigint | undefined
  let isWaiting = false
  for (let isFirst = true; !io.signal.aborted; await systemClock.sleep(FOLLOW_MS, io.signal)) {
    try {
      const { result, candles, symbols, watermarks } = await untilAborted(
        lookAtCandles(lake, request, since_us),
        io.signal,
      )
      const fresh = candles.map((candle) => isNew(shown, candle))
      for (const { emitted_at } of candles) if (since_us === undefined || emitted_at > since_us) since_us = emitted_at
      const rows = json ? resultJson(result) : []
      if (isFirst && !json && candles.length === 0) {
        await write(io.stderr, wrapText(nothingText(request, symbols, watermarks), io.stderrWidth))
      } else if (isFirst && !json) await write(io.stdout, booksText(candles, request.size, io.stdoutWidth, style))
      else
        for (const [i, candle] of candles.entries()) {
          if (!fresh[i]) continue
          const line = json ? `${JSON.stringify(rows[i])}\n` : wrapText(candleLine(candle), io.stdoutWidth)
          await write(io.stdout, line)
        }
      isFirst = false
      isWaiting = false
    } catch (error) {
      if (io.signal.aborted) break
      if (!(error instanceof AssayError) || !error.retryable) throw error
      if (!isWaiting) await write(io.stderr, wrapText(`waiting: ${error.message} [${error.code}]\n`, io.stderrWidth))
      isWaiting = true
    }
  }
  return ExitCode.done
}

/** Whether the candle was not shown as it is now; from here on it was. */
function isNew(shown: Map<string, string>, candle: Candle): boolean {
  const { exchange, symbol, currency, window_start, revision, trades, emitted_at } = candle
  const key = JSON.stringify([exchange, symbol, currency, String(window_start)])
  const state = `${revision} ${trades} ${emitted_at}`
  if (shown.get(key) === state) return false
  shown.delete(key)
  shown.set(key, state)
  if (shown.size > SHOWN_MAX) for (const oldest of [...shown.keys()].slice(0, SHOWN_MAX / 10)) shown.delete(oldest)
  return true
}

/** Looks once; with `since_us`, candles written since then are given beyond the limit, too. */
async function lookAtCandles(lake: Lake, request: CandleRequest, since_us?: bigint): Promise<CandleLook> {
  const view = `gold_candles_${request.size}`
  const query = await openQuery(lake, { tables: [view, TABLE], maxRows: ROWS_MAX, timeout_ms: TIMEOUT_MS })
  try {
    const result = await query.run(candlesSql(view, request, since_us))
    const candles = result.rows.map(
      (row) => Object.fromEntries(result.columns.map(({ name }, i) => [name, row[i]])) as unknown as Candle,
    )
    return { result, candles, watermarks: await watermarksOf(query), symbols: await symbolsOf(query, request) }
  } finally {
    await query.close()
  }
}

function candlesSql(view: string, request: CandleRequest, since_us: bigint | undefined): string {
  const { exchange, symbol, from_ms, to_ms, limit } = request
  const wanted = [
    ...(exchange === undefined ? [] : [`exchange = ${text(exchange)}`]),
    ...(symbol === undefined ? [] : [`symbol = ${text(symbol)}`]),
    ...(from_ms === undefined ? [] : [`window_start >= make_timestamptz(${from_ms * 1000})`]),
    ...(to_ms === undefined ? [] : [`window_start < make_timestamptz(${to_ms * 1000})`]),
  ]
  const rank = 'row_number() OVER (PARTITION BY exchange, symbol, currency ORDER BY window_start DESC)'
  const isNew = since_us === undefined ? '' : ` OR emitted_at >= make_timestamptz(${since_us})`
  return `SELECT * FROM (
      SELECT * FROM ${view} ${wanted.length > 0 ? `WHERE ${wanted.join(' AND ')}` : ''}
      QUALIFY ${rank} <= ${limit}${isNew} ORDER BY window_start DESC LIMIT ${ROWS_MAX}
    ) ORDER BY exchange, symbol, currency, window_start`
}

async function watermarksOf(query: Query): Promise<Map<string, bigint>> {
  const { rows } = await query.run(`SELECT exchange, max(watermark) FROM ${TABLE} GROUP BY exchange ORDER BY exchange`)
  return new Map(rows.map(([exchange, watermark]) => [String(exchange), watermark as bigint]))
}

async function symbolsOf(query: Query, { exchange }: CandleRequest): Promise<string[]> {
  const where = exchange === undefined ? '' : `WHERE exchange = ${text(exchange)}`
  const { rows } = await query.run(`SELECT DISTINCT symbol FROM ${TABLE} ${where} ORDER BY symbol LIMIT ${ROWS_MAX}`)
  return rows.map(([symbol]) => String(symbol))
}

/** A text in SQL. */
function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}
