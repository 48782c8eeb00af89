import { AssayError, systemClock } from '@assay/core'
import { contradictions, type Exchange, exchangeNamed, exchanges, type HotSymbol } from '@assay/exchanges'
import { type SimulatedFeedReport, simulateFeed } from '@assay/feed'
import type { Command } from 'commander'
import { globalOptions } from '../parse/global-options.js'
import { ListedOption } from '../parse/listed-option.js'
import { COUNTS, OptionReader, RATES } from '../parse/options.js'
import { parseDuration, parseTime } from '../parse/times.js'
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
  | 'start'
  | 'symbols'
  | 'skew'
  | 'hot'
  | 'idle'
  | 'duplicates'
  | 'invalid'
  | 'late'
  | 'disorder'
  | 'stall'
  | 'clockJump'
  | 'partitions'

type Options = { readonly [Name in OptionName]?: string } & { readonly pareto?: boolean }

const SEEDS = { least: 0, most: 2 ** 32 - 1 }
const SYMBOLS = { least: 1, most: 100_000 }
const SKEWS = { least: 0, most: 10 }
/** A part of a whole. */
const FRACTIONS = { least: 0, most: 1 }
const STARTS = { first: '1980-01-01', last: '2160-01-01' }
const JUMP = '365d'
const PARTITIONS = { least: 1, most: 1_000 }
const EXCHANGES = exchanges.map(({ name }) => name)

export function addSimulate(program: Command, accept: Accept): void {
  program
    .command('simulate')
    .summary('put synthetic trades into the log, the same for the same seed')
    .description(
      "Makes synthetic trades in an exchange's format and appends them to the lake's event log. The same options " +
        'and seed always give the same bytes. With --json it tells exactly what it injected: how many valid, ' +
        'duplicate, late, disordered and invalid ones (by the reason that silver will give), clock jumps, and the ' +
        'trades of each symbol.',
    )
    .addOption(new ListedOption('--exchange <name>', `whose trades: ${EXCHANGES.join(' or ')} (required)`, EXCHANGES))
    .option('--count <n>', 'records in all (required)')
    .option('--rate <n>', "records a second; without, as fast as possible, at the exchange's usual rate of event time")
    .option('--seed <n>', 'chooses the trades', '1')
    .option('--start <time>', 'event time of the first trade, a day or a time in UTC; 2026-01-01 without')
    .option('--symbols <n>', "number of symbols; the exchange's most traded ones without")
    .option('--skew <z>', "exponent of Zipf's law over the symbols: 0 is even, 1 like real markets (the default)")
    .option(
      '--pareto',
      "shares by Pareto's law in place of Zipf's: a fifth of the symbols has four fifths of the trades",
    )
    .option('--hot <shares>', 'symbols with a share of the trades each, as BTCUSDT=0.6,ETHUSDT=0.1')
    .option('--idle <symbols>', 'symbols, with commas between, that send nothing')
    .option('--duplicates <f>', 'fraction that repeats an earlier record, 0 to 1')
    .option('--invalid <f>', 'fraction that breaks a rule, 0 to 1')
    .option('--late <f>', 'fraction that comes two to ten minutes late, 0 to 1')
    .option('--disorder <duration>', 'trades come out of order, by up to so much event time')
    .option('--stall <from/duration>', 'from so long after the first trade on, nothing is sent for so long')
    .option('--clock-jump <n/duration>', 'one record of n has a time so far ahead; a year without a duration')
    .option('--partitions <n>', 'partitions of the topic, if it has to be made (ASSAY_TOPIC_PARTITIONS without)')
    .addHelpText(
      'after',
      '\nDurations are 30s, 10m, 24h or 7d of event time; symbols are written as the\nexchange writes them.\n\n' +
        'Examples:\n  assay simulate --exchange kraken --count 100000 --duplicates 0.01 --json\n' +
        '  assay simulate --exchange binance --count 100000 --disorder 5s --hot BTCUSDT=0.6',
    )
    .action((options: Options, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const exchange = reader.parsed('--exchange', options.exchange, exchangeNamed)
      const partitions = reader.integer('partitions', options.partitions, PARTITIONS)
      const simulation = readSimulation(reader, exchange, options)
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

/** The simulation that the options ask for; mistakes stay with the reader. */
function readSimulation(reader: OptionReader, exchange: Exchange | undefined, texts: Options) {
  const simulation = withoutUndefined({
    rate: reader.number('rate', texts.rate, RATES),
    startTime_ms: reader.parsed('--start', texts.start, parseStart),
    symbols: reader.integer('symbols', texts.symbols, SYMBOLS),
    skew: reader.number('skew', texts.skew, SKEWS),
    pareto: texts.pareto,
    hot: reader.parsed('--hot', texts.hot, parseHot),
    idle: reader.parsed('--idle', texts.idle, parseSymbols),
    ...readFractions(reader, texts),
    disorder_ms: reader.parsed('--disorder', texts.disorder, (text) => parseDuration(text, '1d')),
    stall: reader.parsed('--stall', texts.stall, parseStall),
    clockJump: reader.parsed('--clock-jump', texts.clockJump, parseClockJump),
  })
  const records = reader.integer('count', texts.count, COUNTS)
  const seed = reader.integer('seed', texts.seed, SEEDS) ?? 0
  if (exchange && records !== undefined) {
    const found = contradictions({ exchange, count: records, ...simulation }, (option) => `--${option}`)
    for (const text of found) reader.contradiction(text)
  }
  return { ...simulation, count: records ?? 0, seed }
}

function readFractions(reader: OptionReader, texts: Options) {
  const [duplicates, invalid, late] = (['duplicates', 'invalid', 'late'] as const).map((name) =>
    reader.number(name, texts[name], FRACTIONS),
  )
  if ((duplicates ?? 0) + (invalid ?? 0) + (late ?? 0) > 1) {
    reader.contradiction('--duplicates, --invalid and --late together are more than 1')
  }
  return { duplicates, invalid, late }
}

type Given<Values> = { readonly [Name in keyof Values]?: Exclude<Values[Name], undefined> }

function withoutUndefined<Values extends object>(values: Values): Given<Values> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<Values>
}

/** A time from `STARTS`, the first ms of a day. Throws `bad_time`. */
function parseStart(text: string): number {
  const { from_ms } = parseTime(text)
  const { first, last } = STARTS
  if (from_ms >= Date.parse(first) && from_ms <= Date.parse(last)) return from_ms
  throw new AssayError('bad_time', `"${text}" is no time from ${first} to ${last}`, {
    hint: 'write 2026-01-31 or 2026-01-31T12:00:00Z',
  })
}

/** Symbols with commas between; whether they are simulated is told elsewhere. Throws `bad_symbols`. */
function parseSymbols(text: string): string[] {
  const symbols = text.split(',')
  if (symbols.every((symbol) => symbol.trim() !== '')) return symbols
  throw new AssayError('bad_symbols', `${JSON.stringify(text)} has a symbol that is empty`, {
    hint: 'write symbols as the exchange does, with commas between',
  })
}

/** Symbols with their shares, as `BTCUSDT=0.6,ETHUSDT=0.1`. Throws `bad_share`. */
function parseHot(text: string): HotSymbol[] {
  return text.split(',').map((part) => {
    const [, symbol, digits] = /^([^=]+)=(\d(?:\.\d{1,16})?)$/.exec(part) ?? []
    const share = Number(digits)
    if (symbol !== undefined && symbol.trim() !== '' && share > 0 && share <= FRACTIONS.most) return { symbol, share }
    throw new AssayError('bad_share', `${JSON.stringify(part)} is no symbol with a share above 0, up to 1`, {
      hint: 'write BTCUSDT=0.6',
    })
  })
}

/** `FROM/DURATION`, the first from the first trade on. Throws `bad_stall`. */
function parseStall(text: string): { readonly from_ms: number; readonly duration_ms: number } {
  const [from = '', duration, ...more] = text.split('/')
  if (duration !== undefined && more.length === 0) {
    return { from_ms: parseDuration(from, '365d'), duration_ms: parseDuration(duration, '7d') }
  }
  throw new AssayError('bad_stall', `${JSON.stringify(text)} is no stretch of time`, {
    hint: 'write after which time it begins and how long it lasts, as 30s/10m',
  })
}

/** `N` or `N/DURATION`; without, a clock jumps a year ahead. Throws `bad_clock_jump`. */
function parseClockJump(text: string): { readonly every: number; readonly ahead_ms: number } {
  const [digits = '', ahead = JUMP, ...more] = text.split('/')
  const every = Number(digits)
  if (/^\d{1,9}$/.test(digits) && every >= 2 && more.length === 0) {
    return { every, ahead_ms: parseDuration(ahead, '3650d') }
  }
  throw new AssayError('bad_clock_jump', `${JSON.stringify(text)} does not say for which records and how far`, {
    hint: 'write 1000 for one record of 1000 and a year, or 1000/30d; the number is 2 to 999999999',
  })
}

function reportText(report: SimulatedFeedReport): string {
  const invalid = report.produced - report.valid
  const lines = [
    `produced ${count(report.produced)} to ${report.topic}: ${count(report.valid)} valid ` +
      `(${count(report.duplicates)} of them duplicates, ${count(report.late)} late), ${count(invalid)} invalid`,
    ...(report.disordered > 0 ? [`  out of order: ${count(report.disordered)}`] : []),
    ...(report.clock_jumps > 0 ? [`  clock jumps: ${count(report.clock_jumps)}`] : []),
    ...Object.entries(report.invalid).map(([reason, n]) => `  ${reason}: ${count(n)}`),
  ]
  if (!report.is_complete) lines.push('stopped before the last record')
  return `${lines.join('\n')}\n`
}
