import { systemClock } from '@assay/core'
import { exchangeNamed, exchanges } from '@assay/exchanges'
import { closeSources, type LoadReport, loadSources, openSources, STANDARD_INPUT, type TimeBounds } from '@assay/feed'
import type { Command } from 'commander'
import { globalOptions } from '../parse/global-options.js'
import { ListedOption } from '../parse/listed-option.js'
import { OptionReader, RATES } from '../parse/options.js'
import { parseTime } from '../parse/times.js'
import { jsonText } from '../print/json.js'
import { count } from '../print/numbers.js'
import { withProgress } from '../print/progress.js'
import { visible } from '../print/table.js'
import { ExitCode } from '../run/exit-code.js'
import { write } from '../run/io.js'
import type { Accept } from '../run/job.js'
import { withLake } from '../run/with-lake.js'
import { wrapText } from '../run/wrap.js'

interface Options {
  readonly exchange?: string
  readonly rate?: string
  readonly notBefore?: string
  readonly notAfter?: string
}

const EXCHANGES = exchanges.map(({ name }) => name)

export function addLoad(program: Command, accept: Accept): void {
  program
    .command('load')
    .summary("put an exchange's feed messages from files into the log")
    .description(
      "Reads feed messages, one JSON a line in the exchange's own format, and appends them as Avro to the lake's " +
        'event log, stamped with their event time. A line that cannot be used is refused and told with its number; ' +
        'the others are loaded. Loading the same file again is harmless: gold keeps each trade once. ' +
        'A trade at a time at which the exchange can have had none (before its first, or more than a day from now) is ' +
        'refused: one wrong time would make others late. Files may be packed with gzip. ' +
        '"assay up" (or "assay up --drain") then takes them from the log into the tables.',
    )
    .argument('<files...>', 'files to read, in order; - is standard input')
    .addOption(
      new ListedOption('--exchange <name>', `whose format it is: ${EXCHANGES.join(' or ')} (required)`, EXCHANGES),
    )
    .option('--rate <n>', 'records a second; as fast as possible without')
    .option(
      '--not-before <time>',
      "refuse earlier trades, as 2025-01-31 or 2025-01-31T12:00:00Z; the exchange's first trade without",
    )
    .option('--not-after <time>', 'refuse later trades; a day from now without')
    .addHelpText(
      'after',
      '\nExample:\n  assay load trades.jsonl --exchange binance\n\n' +
        'Exits 1 when a line was refused, 2 when a file cannot be read (then nothing is loaded).',
    )
    .action((files: string[], options: Options, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const exchange = reader.parsed('--exchange', options.exchange, exchangeNamed)
      const rate = reader.number('rate', options.rate, RATES)
      const bounds = readBounds(reader, options)
      accept(reader.mistakes, async (io) => {
        if (!exchange) throw new RangeError('a command line without an exchange was accepted')
        const sources = await openSources(files, io.stdin)
        const report = await withLake(location, io, (lake) =>
          withProgress(io, systemClock, 'nothing produced yet', (progress) =>
            loadSources(lake, {
              exchange,
              sources,
              ...(rate !== undefined && { rate }),
              bounds,
              signal: io.signal,
              onProgress: ({ produced, refused, share }) =>
                progress.update({
                  text: `${count(produced)} produced, ${count(refused)} refused`,
                  ...(share !== undefined && { share }),
                }),
            }),
          ),
        ).finally(() => closeSources(sources))
        if (files.includes(STANDARD_INPUT)) io.stdin.destroy()
        await write(
          io.stdout,
          json ? loadJson(exchange, report) : wrapText(loadText(exchange.topic, report), io.stdoutWidth),
        )
        return report.refused === 0 && report.is_complete ? ExitCode.done : ExitCode.found_wrong
      })
    })
}

/** The last bound is the whole of its millisecond, or of its day. */
function readBounds(reader: OptionReader, { notBefore, notAfter }: Options): Partial<TimeBounds> {
  const from_ms = reader.parsed('--not-before', notBefore, (text) => parseTime(text).from_ms)
  const to_ms = reader.parsed('--not-after', notAfter, (text) => parseTime(text).to_ms)
  if (from_ms !== undefined && to_ms !== undefined && from_ms >= to_ms) {
    reader.contradiction('--not-before lies after --not-after')
  }
  return {
    ...(from_ms !== undefined && { notBefore_us: BigInt(from_ms) * 1000n }),
    ...(to_ms !== undefined && { notAfter_us: BigInt(to_ms) * 1000n - 1n }),
  }
}

function loadJson({ name, topic }: { readonly name: string; readonly topic: string }, report: LoadReport): string {
  return jsonText({ exchange: name, topic, ...report })
}

function loadText(topic: string, { produced, refused, ignored, refusals, is_complete }: LoadReport): string {
  const lines = [`produced ${count(produced)} to ${topic}, refused ${count(refused)}, ignored ${count(ignored)}`]
  for (const { file, line, reason } of refusals) lines.push(`  ${visible(file)}:${line}: ${visible(reason)}`)
  if (refused > refusals.length) lines.push(`  … and ${count(refused - refusals.length)} more`)
  if (!is_complete) lines.push('stopped before the end: load the same files again to complete them')
  return `${lines.join('\n')}\n`
}
