import { systemClock } from '@assay/core'
import {
  type DeadLetterRate,
  type Lake,
  type LakeParts,
  type LaneProgress,
  pausedSince,
  type StatusReport,
  type StoppedLane,
  statusReport,
} from '@assay/lake'
import type { Command } from 'commander'
import { globalOptions } from '../parse/global-options.js'
import { OptionReader } from '../parse/options.js'
import { jsonText } from '../print/json.js'
import { ago, count, duration, instant, instantOfMicros, instantOfSeconds, percent } from '../print/numbers.js'
import { problemJson, problemsText } from '../print/problems.js'
import { laneTable, type PrintedColumn } from '../print/table.js'
import { ExitCode } from '../run/exit-code.js'
import { type Io, write } from '../run/io.js'
import type { Accept } from '../run/job.js'
import { closeSoon, openToRead, withLakeToLookAt } from '../run/with-lake.js'
import { wrapText } from '../run/wrap.js'
import { watch } from './status-watch.js'

const WATCH_SECONDS = 2
const WATCH_RANGE = { least: 1, most: 86_400, unit: 'seconds' }

export function addStatus(program: Command, accept: Accept): void {
  program
    .command('status')
    .summary('how far each layer has come in each lane, and what waits for you')
    .description(
      'Shows for every lane (a topic and partition) and layer: position, end of what is upstream, lag in rows and ' +
        'as the age of the oldest row that waits (by its arrival, not its event), ' +
        'watermark (greatest event time) and last commit; then the dead-letter rate of each exchange, of all time and of the last hour, and ' +
        'lanes that stopped with the command that lets them go on. Exits 1 when a lane is stopped or a table ' +
        "can't be used as it is.",
    )
    .option(
      '--watch [seconds]',
      `show it anew every so many seconds (${WATCH_SECONDS}) until Ctrl-C, through outages; with --json one value a line`,
    )
    .addHelpText('after', '\nExamples:\n  assay status --lake ./lake\n  assay status --watch')
    .action((options: { readonly watch?: string | true }, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const { watch: every } = options
      const seconds = typeof every === 'string' ? reader.integer('watch', every, WATCH_RANGE) : WATCH_SECONDS
      if (every !== undefined) {
        const how = { json, every_ms: (seconds ?? WATCH_SECONDS) * 1_000, clock: systemClock }
        return accept(reader.mistakes, (io) => watchStatus(location, io, how))
      }
      accept(reader.mistakes, (io) =>
        withLakeToLookAt(location, io, async (lake) => {
          const status = await seenIn(lake)
          await write(io.stdout, json ? jsonText(statusJson(status)) : statusText(status, io.stdoutWidth))
          return status.stops.length + status.unusable.length > 0 ? ExitCode.found_wrong : ExitCode.done
        }),
      )
    })
}

/** Shows the status until the signal; the lake is opened again after an outage. */
async function watchStatus(parts: LakeParts, io: Io, how: Parameters<typeof watch>[2]): Promise<ExitCode> {
  let opening: Promise<Lake> | undefined
  const close = async (): Promise<void> => {
    if (opening) await closeSoon(opening)
    opening = undefined
  }
  const look = async (): Promise<Seen> => {
    try {
      opening ??= openToRead(parts, io)
      const lake = await opening
      return await seenIn(lake)
    } catch (error) {
      await close()
      throw error
    }
  }
  try {
    return await watch<Seen>({ look, text: statusText, json: statusJson }, io, how)
  } finally {
    await close()
  }
}

interface Seen extends StatusReport, Pick<Lake, 'location'> {
  /** Undefined while Assay's commits are made. */
  readonly paused_since_ms: number | undefined
}

async function seenIn(lake: Lake): Promise<Seen> {
  const { location } = lake
  return { location, paused_since_ms: await pausedSince(lake), ...(await statusReport(lake)) }
}

function pauseText(since_ms: number | undefined): string {
  if (since_ms === undefined) return ''
  return `paused since ${instant(since_ms)}: nothing is committed\n  next: assay maintain --resume, when the other engine is done\n`
}

function statusText({ lanes, stops, dead_letters, unusable, paused_since_ms }: Seen, width: number): string {
  const texts = `${pauseText(paused_since_ms)}${deadLettersText(dead_letters)}${stopsText(stops)}${problemsText(unusable)}`
  return `${lanesText(lanes, width)}${wrapText(texts, width)}`
}

function lanesText(lanes: readonly LaneProgress[], width: number, now_ms = systemClock.now_ms()): string {
  if (lanes.length === 0) return 'The log holds nothing yet.\n'
  const columns: readonly PrintedColumn[] = [
    { head: 'layer' },
    { head: 'lane' },
    { head: 'position', align: 'right' },
    { head: 'end', align: 'right' },
    { head: 'lag rows', align: 'right' },
    { head: 'lag', align: 'right', isWhole: true },
    { head: 'watermark', dropped: 0 },
    { head: 'last commit', isWhole: true, dropped: 1 },
  ]
  const rowsBy = (name: (lane: string) => string): string[][] =>
    lanes.map((lane) => [
      lane.layer,
      name(lane.lane),
      count(lane.position),
      count(lane.end),
      count(lane.lag_rows),
      lane.lag_seconds === null ? '' : duration(lane.lag_seconds),
      lane.watermark_us === null ? '' : instantOfSeconds(lane.watermark_us),
      lane.last_commit_ms === null ? '' : ago(lane.last_commit_ms, now_ms),
    ])
  return laneTable(
    columns,
    lanes.map(({ lane }) => lane),
    rowsBy,
    width,
  )
}

function deadLettersText(rates: readonly DeadLetterRate[]): string {
  return rates
    .map(({ exchange, last_hour, ...all }) => {
      if (all.rate === null) return `dead letters, ${exchange}: nothing judged yet\n`
      return `dead letters, ${exchange}: ${shareText(all)}; in the last hour ${shareText(last_hour)}\n`
    })
    .join('')
}

function shareText({ judged, rejected, rate }: DeadLetterRate['last_hour']): string {
  return rate === null ? 'none judged' : `${count(rejected)} of ${count(judged)}, ${percent(rate)}`
}

/** The lanes that wait for an operator, with what to do; empty without any. */
export function stopsText(stops: readonly StoppedLane[]): string {
  return stops
    .map(
      ({ lane, reason, from, to, next_step }) =>
        `stopped: ${lane}, ${reason.replaceAll('_', ' ')}, offsets ${from} to ${to}\n  next: ${next_step}\n`,
    )
    .join('')
}

function statusJson(status: Seen): object {
  return {
    lake: status.location,
    paused_since: status.paused_since_ms === undefined ? null : instant(status.paused_since_ms),
    lanes: status.lanes.map(({ watermark_us, last_commit_ms, ...lane }) => ({
      ...lane,
      watermark: watermark_us === null ? null : instantOfMicros(watermark_us, 'Z'),
      last_commit: last_commit_ms === null ? null : instant(last_commit_ms),
    })),
    dead_letters: status.dead_letters,
    stopped: status.stops,
    unusable: status.unusable.map((problem) => ({ table: problem.table, ...problemJson(problem) })),
  }
}
