import { systemClock } from '@assay/core'
import { exchangeNamed, exchanges } from '@assay/exchanges'
import { type SimulatedFeedReport, simulateFeed } from '@assay/feed'
import type { Command } from 'commander'
import { globalOptions } from '../parse/global-options.js'
import { ListedOption } from '../parse/listed-option.js'
import { OptionReader } from '../parse/options.js'
import { COUNTS, FRACTIONS, RATES } from '../parse/ranges.js'
import { jsonText } from '../print/json.js'
import { count } from '../print/numbers.js'
import { withProgress } from '../print/progress.js'
import { ExitCode } from '../run/exit-code.js'
import { write } from '../run/io.js'
import type { Accept } from '../run/job.js'
import { withLake } from '../run/with-lake.js'
import { wrapText } from '../run/wrap.js'

type OptionName =
  | 'exchange'
  | 'count'
  | 'seed'
  | 'rate'
  | 'symbols'
  | 'skew'
  | 'duplicates'
  | 'invalid'
  | 'late'
  | 'partitions'
type Options = { readonly [Name in OptionName]?: string }

const SEEDS = { least: 0, most: 2 ** 32 - 1 }
const SYMBOLS = { least: 1, most: 100_000 }
const SKEWS = { least: 0, most: 10 }
const PARTITIONS = { least: 1, most: 1_000 }

const EXCHANGES = exchanges.map(({ name }) => name)

export function addSimulate(program: Command, accept: Accept): void {
  program
    .command('simulate')
    .summary('put synthetic trades into the log, the same for the same seed')
    .description(
      "Makes synthetic trades in an exchange's format and appends them to the lake's event log. The same options " +
        'and seed always give the same bytes. With --json it tells exactly what it injected: how many valid, ' +
        'duplicate, late and invalid ones (by the reason that silver will give) and the trades of each symbol.',
    )
    .addOption(new ListedOption('--exchange <name>', `whose trades: ${EXCHANGES.join(' or ')} (required)`, EXCHANGES))
    .option('--count <n>', 'records in all (required)')
    .option('--rate <n>', "records a second; without, as fast as possible, at the exchange's usual rate of event time")
    .option('--seed <n>', 'chooses the trades', '1')
    .option('--symbols <n>', "number of symbols; the exchange's most traded ones without")
    .option('--skew <z>', "exponent of Zipf's law over the symbols: 0 is even, 1 like real markets (the default)")
    .option('--duplicates <f>', 'fraction that repeats an earlier record, 0 to 1')
    .option('--invalid <f>', 'fraction that breaks a rule, 0 to 1')
    .option('--late <f>', 'fraction that comes two to ten minutes late, 0 to 1')
    .option('--partitions <n>', 'partitions of the topic, if it has to be made (ASSAY_TOPIC_PARTITIONS without)')
    .addHelpText('after', '\nExample:\n  assay simulate --exchange kraken --count 100000 --duplicates 0.01 --json')
    .action((options: Options, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const exchange = reader.parsed('--exchange', options.exchange, exchangeNamed)
      const partitions = reader.integer('partitions', options.partitions, PARTITIONS)
      const simulation = readSimulation(reader, options)
      accept(reader.mistakes, async (io) => {
        if (!exchange) throw new RangeError('a command line without an exchange was accepted')
        const report = await withLake(location, io, (lake) =>
          withProgress(io, systemClock, 'nothing produced yet', (progress) =>
            simulateFeed(lake, {
              ...simulation,
              exchange,
              ...(partitions !== undefined && { partitions }),
              signal: io.signal,
              onProgress: (produced) =>
                progress.update({
                  text: `${count(produced)} of ${count(simulation.count)} produced`,
                  share: produced / simulation.count,
                }),
            }),
          ),
        )
        await write(io.stdout, json ? jsonText(report) : wrapText(reportText(report), io.stdoutWidth))
        if (partitions !== undefined && report.partitions !== partitions) {
          await write(io.stderr, `note: the topic was there already, with ${report.partitions} partitions\n`)
        }
        return report.is_complete ? ExitCode.done : ExitCode.found_wrong
      })
    })
}

type Fractions = { readonly [Name in 'duplicates' | 'invalid' | 'late']?: number }

function readSimulation(reader: OptionReader, options: Options) {
  const rate = reader.number('rate', options.rate, RATES)
  const symbols = reader.integer('symbols', options.symbols, SYMBOLS)
  const skew = reader.number('skew', options.skew, SKEWS)
  return {
    count: reader.integer('count', options.count, COUNTS) ?? 0,
    seed: reader.integer('seed', options.seed, SEEDS) ?? 0,
    ...(rate !== undefined && { rate }),
    ...(symbols !== undefined && { symbols }),
    ...(skew !== undefined && { skew }),
    ...readFractions(reader, options),
  }
}

function readFractions(reader: OptionReader, options: Options): Fractions {
  const fractions: { -readonly [Name in keyof Fractions]: Fractions[Name] } = {}
  let sum = 0
  for (const name of ['duplicates', 'invalid', 'late'] as const) {
    const fraction = reader.number(name, options[name], FRACTIONS)
    if (fraction === undefined) continue
    fractions[name] = fraction
    sum += fraction
  }
  if (sum > 1) reader.contradiction('--duplicates, --invalid and --late together are more than 1')
  return fractions
}

function reportText(report: SimulatedFeedReport): string {
  const invalid = report.produced - report.valid
  const lines = [
    `produced ${count(report.produced)} to ${report.topic}: ${count(report.valid)} valid ` +
      `(${count(report.duplicates)} of them duplicates, ${count(report.late)} late), ${count(invalid)} invalid`,
    ...Object.entries(report.invalid).map(([reason, n]) => `  ${reason}: ${count(n)}`),
  ]
  if (!report.is_complete) lines.push('stopped before the last record')
  return `${lines.join('\n')}\n`
}
