import { AssayError, systemClock } from '@assay/core'
import { exchangeNamed, exchanges } from '@assay/exchanges'
import type { Lake } from '@assay/lake'
import {
  type Candle,
  type CandleRequest,
  lookAtCandles,
  type ReconcileReport,
  runReconcile,
  SHOWN_SIZES,
} from '@assay/operations'
import type { Command } from 'commander'
import { globalOptions } from '../../parse/global-options.js'
import { ListedOption } from '../../parse/listed-option.js'
import { OptionReader } from '../../parse/options.js'
import { parseDuration, parseTime } from '../../parse/times.js'
import { jsonText } from '../../print/json.js'
import { count, instantOfMicros } from '../../print/numbers.js'
import { withProgress } from '../../print/progress.js'
import { resultJson } from '../../print/result.js'
import { ExitCode } from '../../run/exit-code.js'
import { type Io, write } from '../../run/io.js'
import type { Accept } from '../../run/job.js'
import { untilAborted } from '../../run/stopped.js'
import { withExistingLake, withLakeToLookAt, withLakeToRead } from '../../run/with-lake.js'
import { wrapText } from '../../run/wrap.js'
import { ASCII, BLOCKS, booksText, type ChartStyle, candleLine, nothingText } from './candles-text.js'

const EXCHANGE_NAMES = exchanges.map(({ name }) => name)

const LIMIT = { least: 1, most: 1_000 }
const LIMIT_DEFAULT = 20
const GAP_MOST = '24h'
const FOLLOW_MS = 2_000
/** Candles of which it is remembered that they were shown. */
const SHOWN_MAX = 100_000

interface Options {
  readonly exchange?: string
  readonly symbol?: string
  readonly size?: string
  readonly session?: string
  readonly from?: string
  readonly to?: string
  readonly limit?: string
  readonly follow?: boolean
}

export function addCandles(program: Command, accept: Accept): void {
  const candles = program
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
    .addOption(new ListedOption('--size <size>', `${SHOWN_SIZES.join(', ')} (1m by default)`, SHOWN_SIZES))
    .option(
      '--session <gap>',
      'in place of windows, runs of trades less than the gap apart: 30s; they end with the UTC day',
    )
    .option('--from <time>', 'windows that begin then or later: a day or a time in UTC')
    .option('--to <time>', 'windows that begin before its end')
    .option('--limit <n>', `how many of each book (${LIMIT_DEFAULT} by default)`)
    .option('--follow', 'go on with new and revised ones until Ctrl-C; with --json one value a line')
    .addHelpText(
      'after',
      '\nExamples:\n  assay candles --symbol BTCUSDT\n  assay candles --size 5m --follow\n  assay candles --session 30s --from 2026-01-31',
    )
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
  addReconcile(candles, accept)
}

function addReconcile(candles: Command, accept: Accept): void {
  candles
    .command('reconcile')
    .summary('compute candles again from gold, and make those anew that differ')
    .description(
      'For when something else than a trade that came has changed gold, such as another engine that deleted rows. Every closed ' +
        'candle is computed again; one that differs gets its next revision, with a line in gold_candle_revisions whose ' +
        'cause is reconcile. Workers may run meanwhile, and a second run changes nothing.',
    )
    .option('--from <time>', 'only windows of that day in UTC and later ones')
    .option('--to <time>', 'only windows of that day in UTC and earlier ones')
    .addHelpText('after', '\nExits 1 when it was stopped before its end.')
    .action((_options: unknown, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const days = readDays(reader, command.optsWithGlobals<Options>())
      accept(reader.mistakes, (io) =>
        withExistingLake(location, io, async (lake) => {
          const report = await withProgress(io, systemClock, 'comparing candles with gold', (progress) =>
            runReconcile(
              lake,
              { days, onProgress: (done) => progress.update({ text: reconciledText(done) }) },
              io.signal,
            ),
          )
          await write(io.stdout, json ? jsonText(report) : wrapText(`${reconciledText(report)}\n`, io.stdoutWidth))
          return report.finished ? ExitCode.done : ExitCode.found_wrong
        }),
      )
    })
}

const DAY_MS = 86_400_000

/** Whole days, since 1970; the options are those of the command above, too, which reads them. */
function readDays(reader: OptionReader, { from, to }: Pick<Options, 'from' | 'to'>) {
  const from_ms = reader.parsed('--from', from, parseTime)?.from_ms
  const to_ms = reader.parsed('--to', to, parseTime)?.to_ms
  if (from_ms !== undefined && to_ms !== undefined && from_ms >= to_ms)
    reader.contradiction('--from is not before --to')
  return {
    ...(from_ms !== undefined && { from: Math.floor(from_ms / DAY_MS) }),
    ...(to_ms !== undefined && { to: Math.floor((to_ms - 1) / DAY_MS) }),
  }
}

function reconciledText({ looked, revised, added, removed, finished }: ReconcileReport): string {
  const changes = `${count(revised)} revised, ${count(added)} added, ${count(removed)} removed`
  return `${count(looked)} candles looked at: ${changes}${finished ? '' : ', not finished'}`
}

function readRequest(reader: OptionReader, options: Options): CandleRequest {
  const size = reader.choice('size', options.size, SHOWN_SIZES) ?? '1m'
  const gap_ms = reader.parsed('--session', options.session, (text) => parseDuration(text, GAP_MOST))
  if (options.session !== undefined && options.size !== undefined)
    reader.contradiction('--session and --size: sessions have no size')
  if (options.session !== undefined && options.follow)
    reader.contradiction('--session and --follow: sessions are of the trades that are there')
  const exchange = reader.parsed('--exchange', options.exchange, exchangeNamed)
  const from_ms = reader.parsed('--from', options.from, parseTime)?.from_ms
  const to_ms = reader.parsed('--to', options.to, parseTime)?.to_ms
  const limit = reader.integer('limit', options.limit, LIMIT) ?? LIMIT_DEFAULT
  if (from_ms !== undefined && to_ms !== undefined && from_ms >= to_ms)
    reader.contradiction('--from is not before --to')
  return {
    size,
    ...(gap_ms !== undefined && { gap_ms }),
    limit,
    ...(exchange && { exchange: exchange.name.toUpperCase() }),
    ...(options.symbol !== undefined && { symbol: options.symbol.toUpperCase() }),
    ...(from_ms !== undefined && { from_ms }),
    ...(to_ms !== undefined && { to_ms }),
  }
}

/** What is shown, as a heading has it. */
function windowsOf({ size, gap_ms }: CandleRequest): string {
  return gap_ms === undefined ? size : `sessions with a gap of ${gap_ms / 1000} s`
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
    await write(io.stdout, booksText(candles, windowsOf(request), io.stdoutWidth, style))
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
      for (const { emitted_at = 0n } of candles)
        if (since_us === undefined || emitted_at > since_us) since_us = emitted_at
      const rows = json ? resultJson(result) : []
      if (isFirst && !json && candles.length === 0) {
        await write(io.stderr, wrapText(nothingText(request, symbols, watermarks), io.stderrWidth))
      } else if (isFirst && !json) await write(io.stdout, booksText(candles, windowsOf(request), io.stdoutWidth, style))
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
