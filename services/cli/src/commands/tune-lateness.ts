import { AssayError, systemClock } from '@assay/core'
import { type ExchangeLateness, type LatenessCounts, type Share, tuneLateness } from '@assay/operations'
import type { Command } from 'commander'
import { globalOptions } from '../parse/global-options.js'
import { OptionReader } from '../parse/options.js'
import { parseSince } from '../parse/times.js'
import { jsonText } from '../print/json.js'
import { count, instant } from '../print/numbers.js'
import { withProgress } from '../print/progress.js'
import { tableText } from '../print/table.js'
import { ExitCode } from '../run/exit-code.js'
import { write } from '../run/io.js'
import type { Accept } from '../run/job.js'
import { withLakeToLookAt } from '../run/with-lake.js'
import { wrapText } from '../run/wrap.js'

interface Options {
  readonly since: string
  readonly target: string
}

export function addTuneLateness(program: Command, accept: Accept): void {
  program
    .command('tune-lateness')
    .summary('how late trades come, and the least delay of windows that waits for enough of them')
    .description(
      'Counts how far the trades of silver came behind the newest of their partition, per exchange, and tells the ' +
        'least delay of a window that enough of them make, with its price: every window is spoken of so much later, ' +
        'and each trade that is later still changes one that was spoken of. Replayed trades are left out. Nothing is ' +
        'estimated: every row is counted.',
    )
    .option('--since <time>', 'trades that bronze took since then: 30m, 24h, 7d, or a time', '7d')
    .option('--target <share>', 'the share of trades that is to be waited for, above 0 and up to 1', '0.999')
    .addHelpText('after', '\nExample:\n  assay tune-lateness --since 24h --target 0.99')
    .action((options: Options, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const since_ms = reader.parsed('--since', options.since, (text) => parseSince(text, systemClock.now_ms()))
      const target = reader.parsed('--target', options.target, parseShare)
      accept(reader.mistakes, (io) => {
        if (since_ms === undefined || !target)
          throw new RangeError('a command line without a time or a share was accepted')
        return withLakeToLookAt(location, io, async (lake) => {
          const found = await withProgress(io, systemClock, 'counting', () =>
            tuneLateness(lake, since_ms, target, io.signal),
          )
          const asked = { since_ms, target: options.target }
          await write(io.stdout, json ? reportJson(found, asked) : reportText(found, asked, io.stdoutWidth))
          return ExitCode.done
        })
      })
    })
}

/** A share as it is written, exactly. Throws `bad_share`. */
function parseShare(text: string): Share {
  const [, whole, decimals = ''] = /^([01])(?:\.(\d{1,9}))?$/.exec(text) ?? []
  const share = { part: BigInt(`${whole ?? 0}${decimals}`), of: 10n ** BigInt(decimals.length) }
  if (share.part > 0n && share.part <= share.of) return share
  throw new AssayError('bad_share', `"${text}" is no share above 0 and up to 1`, { hint: 'write 0.99 or 0.999' })
}

interface Asked {
  readonly since_ms: number
  /** As it was typed. */
  readonly target: string
}

function reportJson(found: readonly ExchangeLateness[], { since_ms, target }: Asked): string {
  const exchanges = found.map(({ exchange, counts, newest_ms }) => {
    if (!counts) return { exchange, rows: 0, newest: newest_ms === undefined ? null : instant(newest_ms) }
    const { caught, ...rest } = counts
    return { exchange, ...rest, caught: caught.map((one) => ({ ...one, share: one.rows / counts.rows })) }
  })
  return jsonText({ since: instant(since_ms), target: Number(target), exchanges })
}

type Counted = { readonly exchange: string; readonly counts: LatenessCounts }

function reportText(found: readonly ExchangeLateness[], { since_ms, target }: Asked, width: number): string {
  const counted = found.flatMap(({ exchange, counts }): Counted[] => (counts ? [{ exchange, counts }] : []))
  const tables = counted.length === 0 ? '' : `${quantileTable(counted, width)}\n${caughtTable(counted, width)}\n`
  const lines = found.map(({ exchange, counts, newest_ms }) => {
    if (counts) return `${exchange}: ${priceText(counts, target)}\n`
    const none = `${exchange}: no trade came since ${instant(since_ms)}`
    if (newest_ms === undefined) return `${none}, nor before\n`
    const newest = instant(newest_ms)
    return `${none}; the newest came at ${newest}: --since ${newest.slice(0, 10)} takes it in\n`
  })
  return `${tables}${wrapText(lines.join(''), width)}`
}

function quantileTable(counted: readonly Counted[], width: number): string {
  const heads = ['rows', 'p50', 'p90', 'p99', 'p99.9', 'max']
  const columns = [{ head: 'exchange' }, ...heads.map((head) => ({ head, align: 'right' as const, isWhole: true }))]
  const rows = counted.map(({ exchange, counts }) => [
    exchange,
    count(counts.rows),
    ...[counts.p50_ms, counts.p90_ms, counts.p99_ms, counts.p999_ms, counts.max_ms].map(milliseconds),
  ])
  return tableText(columns, rows, width)
}

function caughtTable(counted: readonly Counted[], width: number): string {
  const columns = [
    { head: 'delay', align: 'right' as const, isWhole: true },
    ...counted.map(({ exchange }) => ({ head: `${exchange} caught`, align: 'right' as const, isWhole: true })),
  ]
  const [first] = counted
  const rows = (first?.counts.caught ?? []).map(({ delay_ms }, i) => [
    delay_ms < 60_000 ? `${delay_ms / 1000} s` : `${delay_ms / 60_000} min`,
    ...counted.map(({ counts }) => shareText(counts.caught[i]?.rows ?? 0, counts.rows)),
  ])
  return tableText(columns, rows, width)
}

function priceText({ rows, least_delay_ms, later_rows }: LatenessCounts, target: string): string {
  const later =
    later_rows === 0
      ? `none of ${count(rows)} trades is later`
      : `${count(later_rows)} of ${count(rows)} trades (${shareText(later_rows, rows)}) are later, each a revision at most`
  return `a delay of ${milliseconds(least_delay_ms)} is the least for ${target}; windows come that much later, and ${later}`
}

function milliseconds(value_ms: number): string {
  return `${count(value_ms)} ms`
}

/** In percent, rounded down: only all is 100. */
function shareText(part: number, whole: number): string {
  const scaled = (BigInt(part) * 1_000_000n) / BigInt(whole)
  return `${scaled / 10_000n}.${String(scaled % 10_000n).padStart(4, '0')} %`
}
