import { systemClock } from '@assay/core'
import { type FeedEvent, type FeedMode, type LiveFeedOptions, runFeed, runLiveFeed } from '@assay/feed'
import {
  DEFAULT_COMMIT_INTERVAL_MS,
  type Lake,
  readLiveSymbols,
  runWorkers,
  statusReport,
  tableReport,
} from '@assay/lake'
import type { RuleSet } from '@assay/medallion'
import { readRules } from '@assay/operations'
import type { Command } from 'commander'
import { globalOptions } from '../parse/global-options.js'
import { OptionReader } from '../parse/options.js'
import { readText } from '../parse/read-text.js'
import { LiveLines } from '../print/live-lines.js'
import { ExitCode } from '../run/exit-code.js'
import { type Io, write } from '../run/io.js'
import type { Accept } from '../run/job.js'
import { presentRules } from '../run/present-rules.js'
import { withLake } from '../run/with-lake.js'
import { stopsText } from './status.js'
import { tablesJson, tablesText } from './tables.js'
import { logFeedEvent, logWorkerEvent } from './up-events.js'
import { LayerLines } from './up-status.js'

interface Options {
  readonly feed?: string
  readonly drain?: boolean
  readonly adopt?: boolean
  readonly rules?: string
}

interface UpRequest {
  /** Undefined for no feed at all. */
  readonly feed: FeedMode | LiveFeedOptions['symbols'] | undefined
  readonly drain: boolean
  readonly adopt: boolean
  readonly rules: RuleSet
  readonly json: boolean
}

const FEEDS = ['sample', 'simulated', 'live', 'none'] as const
const STATUS_INTERVAL_MS = 1_000

export function addUp(program: Command, accept: Accept): void {
  program
    .command('up')
    .summary('run the whole pipeline: feed, log, bronze, silver, gold')
    .description(
      'Runs the feed and all workers in one process until Ctrl-C: trades go from the log to bronze, silver and ' +
        'gold, with one status line for each layer. Makes the lake if there is none. Without --feed the log is first ' +
        'filled with bundled recorded trades, if it is empty, and then with simulated ones, about 750 (Binance) and ' +
        "75 (Kraken) a second. --feed live takes the exchanges' own public feeds; ASSAY_SYMBOLS says which symbols. " +
        'The first Ctrl-C stops with nothing half done; the second at once.',
    )
    .option('--feed <name>', "sample (the recorded trades only), simulated, live (the exchanges' own feeds), or none")
    .option('--drain', 'no feed: take all that the log holds through every layer, print the totals, end')
    .option('--adopt', 'go on from upstream tables that were dropped and made again, by positions')
    .option('--rules <file>', 'judge by a rule set of your own; "assay rules list --json" prints the form')
    .addHelpText('after', '\nExamples:\n  assay up\n  assay up --drain --lake ./lake')
    .action((options: Options, command: Command) => {
      const reader = new OptionReader()
      const { lake: place, json } = globalOptions(command, reader)
      const drain = options.drain ?? false
      const named = readFeed(reader, options.feed, drain)
      accept(reader.mistakes, (io) => {
        const feed = named === 'live' ? readLiveSymbols(io.env) : named
        const request = { feed, drain, adopt: options.adopt ?? false, json, rules: presentRules(io) }
        return withLake(place, async (lake) => {
          if (options.rules === undefined) return up(lake, request, io)
          const rules = presentRules(io, await readRules(lake, await readText(options.rules)))
          return up(lake, { ...request, rules }, io)
        })
      })
    })
}

function readFeed(reader: OptionReader, text: string | undefined, drain: boolean): FeedMode | 'live' | undefined {
  const feed = reader.choice('feed', text, FEEDS)
  if (drain && feed !== undefined && feed !== 'none') reader.mistakes.push('--drain runs without a feed: drop --feed')
  if (drain || feed === 'none') return undefined
  return feed ?? 'sample_then_simulated'
}

async function up(lake: Lake, request: UpRequest, io: Io): Promise<ExitCode> {
  // The status is what a standing pipeline prints; beside totals or JSON it is only progress.
  const toStdout = !request.drain && !request.json
  const live = new LiveLines(
    toStdout ? io.stdout : io.stderr,
    toStdout ? io.stdoutIsTerminal : io.stderrIsTerminal,
    systemClock,
  )
  await write(toStdout ? io.stdout : io.stderr, `lake ${lake.location}\n`)
  await runAll(lake, request, io, live)
  const { stops } = await statusReport(lake)
  if (request.drain || request.json) {
    const tables = await tableReport(lake)
    await write(io.stdout, request.json ? tablesJson(lake.location, tables) : tablesText(tables))
  }
  await write(io.stderr, stopsText(stops))
  return request.drain && stops.length > 0 ? ExitCode.found_wrong : ExitCode.done
}

/** Runs workers, feed and status lines until the signal, the end of a drain, or the first failure. */
async function runAll(lake: Lake, { feed, drain, adopt, rules }: UpRequest, io: Io, live: LiveLines): Promise<void> {
  // Every other command would wait for what makes the log readable.
  const { openLog } = await import('../print/log.js')
  const log = openLog(io, live)
  const ended = new AbortController()
  const signal = AbortSignal.any([io.signal, ended.signal])
  const endAll = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      ended.abort()
      throw error
    })
  const workers = runWorkers(
    lake,
    {
      drain,
      adopt,
      interval_ms: DEFAULT_COMMIT_INTERVAL_MS,
      rules,
      onEvent: (event) => logWorkerEvent(log, event),
    },
    signal,
  )
  const status = showStatus(lake, live, signal)
  const feeding = feed && startFeed(lake, feed, (event) => logFeedEvent(log, event), signal)
  const outcomes = await Promise.allSettled([
    endAll(workers.then(() => ended.abort())),
    endAll(Promise.resolve(feeding)),
    endAll(status),
  ])
  live.end()
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

function startFeed(
  lake: Lake,
  feed: NonNullable<UpRequest['feed']>,
  onEvent: (event: FeedEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  if (typeof feed === 'string') return runFeed(lake, feed, onEvent, signal)
  return runLiveFeed(lake, { symbols: feed, onEvent }, signal)
}

async function showStatus(lake: Lake, live: LiveLines, signal: AbortSignal): Promise<void> {
  const lines = new LayerLines(lake.clock)
  while (!signal.aborted) {
    live.update(lines.next(await tableReport(lake), await statusReport(lake)))
    await lake.clock.sleep(STATUS_INTERVAL_MS, signal)
  }
}
