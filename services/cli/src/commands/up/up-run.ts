import { resolve } from 'node:path'
import { AssayError, isStopped, OutageError, systemClock, systemRandom } from '@assay/core'
import { type FeedEvent, type FeedMode, type LiveFeedOptions, runFeed, runLiveFeed } from '@assay/feed'
import {
  keepAtIt,
  type Lake,
  type LakeParts,
  lakeHome,
  refuseIfPaused,
  runWorkers,
  type StatusReport,
  statusReport,
  type TableReport,
  tableReport,
} from '@assay/lake'
import { retainInTurns } from '@assay/operations'
import type { RuleSet } from '@assay/rules'
import type { Logger } from 'pino'
import { DEFAULT_LAKE } from '../../parse/global-options.js'
import { LiveLines } from '../../print/live-lines.js'
import { ExitCode } from '../../run/exit-code.js'
import { type Io, write } from '../../run/io.js'
import { withLake } from '../../run/with-lake.js'
import { wrapText } from '../../run/wrap.js'
import { stopsText } from '../status.js'
import { tablesJson, tablesText } from '../tables.js'
import { UpEvents } from './up-events.js'
import { LayerLines, UpTotals } from './up-status.js'
import { Waits } from './up-waits.js'

interface UpRequest {
  /** Undefined for no feed at all. */
  readonly feed: FeedMode | LiveFeedOptions['symbols'] | undefined
  readonly drain: boolean
  readonly adopt: boolean
  readonly json: boolean
  /** Least time between two commits to a table. */
  readonly interval_ms: number
  /** The rules that silver judges by. */
  readonly rules: (lake: Lake) => Promise<RuleSet>
}

const STATUS_INTERVAL_MS = 1_000
/** A status that has not been read by then is waited for, and said to be. */
const STATUS_MS_MAX = 5_000
/** What the last look at lanes that stopped may take, when the end was asked for. */
const LAST_LOOK_MS_MAX = 2_000

interface Screen {
  readonly io: Io
  readonly live: LiveLines
  readonly log: Logger
  readonly waits: Waits
  readonly events: UpEvents
  readonly totals: UpTotals
  /** Whether the lake's location was printed. */
  isNamed: boolean
}

/**
 * Runs the pipeline until the signal. Outages are waited out, at the start, too; only what can't be mended by waiting
 * ends it. A drain ends at the end of the log, or with the outage that keeps it from beginning.
 */
export async function runUp(parts: LakeParts, request: UpRequest, io: Io): Promise<ExitCode> {
  const screen = await openScreen(request, io)
  const home = lakeHome(parts)
  let code: ExitCode = ExitCode.done
  const work = (): Promise<void> =>
    withLake(
      parts,
      io,
      async (lake) => {
        code = await up(lake, request, screen)
      },
      {
        ...(home && { home }),
        commitInterval_ms: request.interval_ms,
        // Written to the terminal directly, they would fall among the lines that are redrawn there.
        warn: (text) => screen.log.warn(text),
      },
    )
  try {
    if (request.drain) await work()
    else {
      const onOutage = (error: unknown, retry_ms: number, failures: number): void => {
        if (failures === 1) screen.events.end('lake')
        screen.events.onOutage('lake', error, retry_ms)
        screen.live.update(screen.waits.lines())
      }
      await keepAtIt(work, { clock: systemClock, random: systemRandom, onOutage }, io.signal)
    }
  } catch (error) {
    // Told to stop before the lake was open: that is an end in order like any other.
    if (request.drain || !io.signal.aborted || !isStopped(error)) throw error
  } finally {
    screen.live.end()
  }
  return code
}

async function openScreen({ drain, json }: UpRequest, io: Io): Promise<Screen> {
  // Without --drain the status is the result; beside totals or JSON it is only progress.
  const toStdout = !drain && !json
  const live = new LiveLines(
    toStdout ? io.stdout : io.stderr,
    toStdout ? io.stdoutIsTerminal : io.stderrIsTerminal,
    systemClock,
    toStdout ? io.stdoutWidth : io.stderrWidth,
  )
  // Every other command would wait for what makes the log readable.
  const { openLog } = await import('../../print/log.js')
  const log = openLog(io, live)
  const waits = new Waits(systemClock)
  const events = new UpEvents(log, waits, systemClock)
  return { io, live, log, waits, events, totals: new UpTotals(systemClock), isNamed: false }
}

async function up(lake: Lake, request: UpRequest, screen: Screen): Promise<ExitCode> {
  const { io, live, events } = screen
  const isResult = request.drain || request.json
  if (!screen.isNamed) {
    await write(isResult ? io.stderr : io.stdout, `lake ${lake.location}\n`)
    if (!isResult) await write(io.stdout, wrapText(nextSteps(lake, io), io.stdoutWidth))
  }
  screen.isNamed = true
  // A drain would wait for the end of the pause, and its caller for the end of the drain.
  if (request.drain) await refuseIfPaused(lake)
  await runAll(lake, request, screen)
  live.end()
  events.end('lake')
  const { stops } = isResult ? await statusReport(lake) : await lastStatus(lake)
  if (isResult) {
    const tables = await tableReport(lake)
    await write(io.stdout, request.json ? tablesJson(lake.location, tables) : tablesText(tables, io.stdoutWidth))
  }
  if (!request.json) await write(io.stdout, wrapText(endText(lake, request, screen), io.stdoutWidth))
  await write(io.stderr, wrapText(stopsText(stops), io.stderrWidth))
  return request.drain && stops.length > 0 ? ExitCode.found_wrong : ExitCode.done
}

/** What was done, and what to type next. */
function endText(lake: Lake, { drain }: UpRequest, { totals, io }: Screen): string {
  const next = `"${commandName(io)} verify${lakeOption(lake)}" proves what is there\n`
  return `${totals.text(lake.layers.map(({ name }) => name))}${drain ? '' : 'stopped; '}${next}`
}

/** What to try while it runs. */
function nextSteps(lake: Lake, io: Io): string {
  const sql = `${commandName(io)} sql "FROM gold_crypto_trades LIMIT 5"${lakeOption(lake)}`
  return `From another terminal:\n  ${sql}\nCtrl-C stops.\n`
}

/** How this command is called from a shell: in a clone, where npm has started it, a shell does not find it by itself. */
function commandName({ env }: Io): string {
  return env.npm_command === undefined ? 'assay' : 'npx assay'
}

/** What names the lake to another command; nothing for the one that is meant without. */
function lakeOption({ location }: Lake): string {
  if (location === resolve(DEFAULT_LAKE)) return ''
  return ` --lake ${/^[\w./:@-]+$/.test(location) ? location : JSON.stringify(location)}`
}

/** Runs workers, feed and status lines until the signal, the end of a drain, or the first failure. */
async function runAll(
  lake: Lake,
  { feed, drain, adopt, interval_ms, rules }: UpRequest,
  screen: Screen,
): Promise<void> {
  const { io, events, totals } = screen
  const ended = new AbortController()
  const signal = AbortSignal.any([io.signal, ended.signal])
  const endAll = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => {
      ended.abort()
      throw error
    })
  const options = { drain, adopt, interval_ms, rules: await rules(lake) }
  const workers = runWorkers(
    lake,
    {
      ...options,
      onEvent: (event) => {
        totals.onWorker(event)
        events.onWorker(event)
      },
      onRecovered: (worker) => events.end(worker),
    },
    signal,
  )
  const status = showStatus(lake, screen, signal)
  const retention = drain ? undefined : retainInTurns(lake, (line) => events.tell(line), signal)
  const feeding = feed && startFeed(lake, feed, (event) => events.onFeed(event), signal)
  const outcomes = await Promise.allSettled([
    endAll(workers.then(() => ended.abort())),
    endAll(Promise.resolve(feeding)),
    endAll(Promise.resolve(retention)),
    status,
  ])
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

type Seen = { readonly tables: readonly TableReport[]; readonly status: StatusReport }

/** `onAsk`: told what it asks next. */
async function readStatus(lake: Lake, onAsk: (what: string) => void): Promise<Seen> {
  onAsk('the tables')
  const tables = await tableReport(lake)
  onAsk('the log')
  return { tables, status: await statusReport(lake) }
}

/** Shows how far the layers are, and what is waited for. Nothing that keeps it from being read ends the run. */
async function showStatus(lake: Lake, { live, waits }: Screen, signal: AbortSignal): Promise<void> {
  const { clock } = lake
  const lines = new LayerLines(clock)
  let shown: readonly string[] = []
  while (!signal.aborted) {
    const asked_ms = clock.monotonic_ms()
    const read = new AbortController()
    let asked = ''
    const onAsk = (what: string): void => {
      asked = what
    }
    void readStatus(lake, onAsk)
      .then(({ tables, status }) => {
        shown = lines.next(lake, tables, status)
        waits.end('status')
        waits.end('lake')
      })
      .catch((error: unknown) => {
        // Whoever closes the lake breaks off what is read for nothing.
        if (!signal.aborted) waits.begin('status', error)
      })
      .finally(() => read.abort())
    while (!signal.aborted && !read.signal.aborted) {
      await clock.sleep(STATUS_INTERVAL_MS, AbortSignal.any([signal, read.signal]))
      if (!read.signal.aborted && clock.monotonic_ms() - asked_ms >= STATUS_MS_MAX) {
        waits.begin('status', noAnswer(asked))
        live.update([...shown, ...waits.lines()])
      }
    }
    if (signal.aborted) return
    live.update([...shown, ...waits.lines()])
    await clock.sleep(STATUS_INTERVAL_MS, signal)
  }
}

function noAnswer(asked: string): OutageError {
  return new OutageError('no_answer', `no answer yet from ${asked}`, {
    hint: 'check that what it is kept by runs and can be reached',
  })
}

/** Lanes that stand still, as far as that can be told in a moment: the end must not wait for an outage. */
async function lastStatus(lake: Lake): Promise<Pick<StatusReport, 'stops'>> {
  const read = statusReport(lake).catch((error: unknown) => {
    if (error instanceof AssayError) return { stops: [] }
    throw error
  })
  return Promise.race([read, systemClock.sleep(LAST_LOOK_MS_MAX).then(() => ({ stops: [] }))])
}
