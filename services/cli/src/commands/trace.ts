import {
  type DecodedRecord,
  parseTraceTarget,
  type TableRows,
  type TracedCandle,
  type TracedRecord,
  type TraceReport,
  traceTarget,
} from '@assay/audit'
import { systemClock } from '@assay/core'
import { exchangeNamed, exchanges } from '@assay/exchanges'
import type { Command } from 'commander'
import { globalOptions } from '../parse/global-options.js'
import { ListedOption } from '../parse/listed-option.js'
import { OptionReader } from '../parse/options.js'
import { jsonText } from '../print/json.js'
import { instantOfMicros } from '../print/numbers.js'
import { problemJson, problemsText } from '../print/problems.js'
import { withProgress } from '../print/progress.js'
import { resultJson, textValue } from '../print/result.js'
import { fieldText, hexLines, tableText, visible } from '../print/table.js'
import { ExitCode } from '../run/exit-code.js'
import { type Io, write } from '../run/io.js'
import type { Accept } from '../run/job.js'
import { withLakeToLookAt } from '../run/with-lake.js'
import { wrapText } from '../run/wrap.js'

/** Bytes that are shown to people; --json has all. */
const HEX_BYTES_MAX = 1_024

const EXCHANGES = exchanges.map(({ name }) => name)

export function addTrace(program: Command, accept: Accept): void {
  program
    .command('trace')
    .summary('a trade, a message or a record in every layer, down to its bytes')
    .description(
      'Shows what every layer made of a record: its bytes and what they say, the row in bronze, silver and gold; for a ' +
        'duplicate the row that was kept, for a dead letter why it is one and what became of it. Trades of several ' +
        'symbols may share an id: then all are shown. Of a candle it shows the row, its changes and the trades that it ' +
        'adds up. Opens only files that can hold the row.',
    )
    .argument('<id>', 'trade id, message id, topic/partition/offset, or exchange/symbol/size/time for a candle')
    .addOption(new ListedOption('--exchange <name>', `only of this one: ${EXCHANGES.join(' or ')}`, EXCHANGES))
    .addHelpText(
      'after',
      '\nExamples:\n  assay trace BINANCE-3941\n  assay trace market.crypto.trades.kraken.raw/0/17 --json\n' +
        '  assay trace binance/BTCUSDT/1m/2026-01-31T12:00:00Z\n\n' +
        'Exit codes: 0 found, 1 nothing found, or a table could not be looked into.',
    )
    .action((id: string, options: { readonly exchange?: string }, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const target = reader.parsed('<id>', id, parseTraceTarget)
      const exchange = reader.parsed('--exchange', options.exchange, exchangeNamed)
      accept(reader.mistakes, (io) => {
        if (!target) throw new RangeError('a command line without a target was accepted')
        return withLakeToLookAt(location, io, async (lake) =>
          print(
            io,
            json,
            id,
            await withProgress(io, systemClock, 'looking in the files that can hold it', () =>
              traceTarget(lake, target, exchange?.name),
            ),
          ),
        )
      })
    })
}

async function print(io: Io, json: boolean, id: string, report: TraceReport): Promise<ExitCode> {
  const { candle, records, looked, unusable } = report
  const isFound = records.length > 0 || (candle?.candle.rows.length ?? 0) > 0
  if (json)
    await write(
      io.stdout,
      jsonText({
        ...(candle && { candle: candleJson(candle) }),
        found: records.map(recordJson),
        looked,
        unusable: unusable.map((problem) => ({ table: problem.table, ...problemJson(problem) })),
      }),
    )
  else if (candle && isFound) await write(io.stdout, candleText(candle, io.stdoutWidth))
  else if (isFound) await write(io.stdout, records.map((record) => recordText(record, io.stdoutWidth)).join('\n'))
  else
    await write(
      io.stderr,
      wrapText(
        `nothing is known of ${visible(id)}; looked in\n${looked.map((place) => `  ${visible(place)}\n`).join('')}`,
        io.stderrWidth,
      ),
    )
  if (!json) await write(io.stderr, problemsText(unusable))
  return isFound && unusable.length === 0 ? ExitCode.done : ExitCode.found_wrong
}

function candleJson({ candle, revisions, trades }: TracedCandle) {
  return { candle: resultJson(candle), revisions: resultJson(revisions), trades: resultJson(trades) }
}

/** What of a candle's trades is shown to people; --json has all columns, and what every layer has of the first of them. */
const OF_TRADE = ['timestamp', 'price', 'quantity', 'side', 'trade_id', 'topic', 'partition', 'offset']

function candleText({ candle, revisions, trades }: TracedCandle, width: number): string {
  const [time = -1, price = -1, quantity = -1, side = -1, id = -1, ...place] = OF_TRADE.map((name) =>
    trades.columns.findIndex((column) => column.name === name),
  )
  const text = (row: readonly unknown[], at: number): string =>
    visible(textValue(row[at], trades.columns[at]?.type ?? '') ?? '')
  const rows = trades.rows.map((row) => [
    instantOfMicros(row[time] as bigint, 'Z'),
    ...[price, quantity, side, id].map((at) => text(row, at)),
    place.map((at) => text(row, at)).join('/'),
  ])
  const heads = ['time', 'price', 'quantity', 'side', 'trade_id', 'coordinate'].map((head) => ({ head }))
  const [first] = rows
  return [
    candle.rows.length > 0 ? rowsText('the candle', candle, width) : '  no candle: its window is not closed\n',
    rowsText('its changes', revisions, width),
    rows.length > 0 ? tableText(heads, rows, width) : '',
    trades.isTruncated ? `  and more: only ${rows.length} trades are listed\n` : '',
    first ? wrapText(`"assay trace ${first.at(-1)}" shows a trade in every layer, down to its bytes\n`, width) : '',
  ].join('')
}

const PARTS = [
  'bronze',
  'silver',
  'dead_letter',
  'resolutions',
  'replays',
  'gold',
  'duplicate',
  'kept',
  'dropped',
] as const

function recordJson(traced: TracedRecord) {
  const parts = PARTS.map((part) => [part, resultJson(traced[part])])
  return {
    coordinate: traced.coordinate,
    exchange: traced.exchange,
    record: traced.record,
    ...Object.fromEntries(parts),
  }
}

const TITLES: Readonly<Record<(typeof PARTS)[number], string>> = {
  bronze: 'as it came',
  silver: 'as a valid trade',
  dead_letter: 'as a dead letter',
  resolutions: 'what became of the dead letter',
  replays: 'the replay that it came by',
  gold: 'among all trades',
  duplicate: 'dropped as a duplicate',
  kept: 'kept in its place',
  dropped: 'dropped in its favour',
}

function recordText(traced: TracedRecord, width: number): string {
  const parts = PARTS.map((part) =>
    part === 'bronze' ? bronzeText(traced, width) : rowsText(TITLES[part], traced[part], width),
  )
  return wrapText(`${visible(traced.coordinate)}\n${parts.join('')}`, width)
}

function bronzeText({ bronze, record }: TracedRecord, width: number): string {
  const bytes = bronze.rows[0]?.[bronze.columns.findIndex(({ name }) => name === 'raw_bytes')]
  const hex = bytes instanceof Uint8Array ? hexText(bytes, width) : ''
  return `${rowsText(TITLES.bronze, bronze, width)}${record ? decodedText(record, width) : ''}${hex}`
}

function decodedText({ schema_id, fields, why }: DecodedRecord, width: number): string {
  const head = `  record, schema id ${schema_id ?? 'none'}${why === undefined ? '' : `: ${visible(why)}`}\n`
  return (
    head +
    Object.entries(fields ?? {})
      .map(([name, value]) => fieldText(`    ${name.padEnd(26)} `, visible(String(value)), width))
      .join('')
  )
}

function hexText(bytes: Uint8Array, width: number): string {
  const lines = hexLines(bytes.subarray(0, HEX_BYTES_MAX), width - 4).map((line) => `    ${line}\n`)
  const more =
    bytes.length > HEX_BYTES_MAX ? `    and ${bytes.length - HEX_BYTES_MAX} bytes more (--json shows all)\n` : ''
  return `  ${bytes.length} bytes\n${lines.join('')}${more}`
}

/** Each row as a list of its columns; what a row lacks, and bytes, are left out. */
function rowsText(title: string, { table, columns, rows, isTruncated }: TableRows, width: number): string {
  if (rows.length === 0) return ''
  const texts = rows.map((row) =>
    columns
      .flatMap(({ name, type }, i) => {
        const text = type === 'BLOB' ? undefined : textValue(row[i], type)
        return text === undefined ? [] : [fieldText(`    ${name.padEnd(26)} `, visible(text), width)]
      })
      .join(''),
  )
  return `  ${table}, ${title}\n${texts.join('    -\n')}${isTruncated ? '    and more\n' : ''}`
}
