import { AssayError, systemClock } from '@assay/core'
import { type DeadLetterCoordinates, parseCoordinate } from '@assay/medallion'
import {
  countDeadLetters,
  type DeadLetterGroup,
  type DeadLetterReport,
  runResolve,
  showDeadLetter,
} from '@assay/operations'
import type { Command } from 'commander'
import { addFilterOptions, type FilterOptions, readFilter } from '../../parse/dead-letter-options.js'
import { globalOptions } from '../../parse/global-options.js'
import { ListedOption } from '../../parse/listed-option.js'
import { OptionReader } from '../../parse/options.js'
import { parseSince } from '../../parse/times.js'
import { jsonText } from '../../print/json.js'
import { count } from '../../print/numbers.js'
import { resultJson, resultTable, textValue } from '../../print/result.js'
import { fieldText, hexLines, visible } from '../../print/table.js'
import { ExitCode } from '../../run/exit-code.js'
import { write } from '../../run/io.js'
import type { Accept } from '../../run/job.js'
import { withExistingLake, withLakeToLookAt } from '../../run/with-lake.js'
import { wrapText } from '../../run/wrap.js'
import { addDlqList } from './dlq-list.js'

const GROUPS: readonly DeadLetterGroup[] = ['reason', 'type', 'hour', 'source']
const BYTES_SHOWN = 256

export function addDlq(program: Command, accept: Accept): void {
  const dlq = program
    .command('dlq')
    .summary('the dead letters at a glance; show one, close or reopen some')
    .description(
      'Counts the dead letters in the queue, and those of them that are open: neither replayed nor purged. ' +
        '"assay replay" judges them again.',
    )
    .option('--since <time>', 'rejected since then: 30m, 24h, 7d, or a time')
    .addOption(new ListedOption('--by <what>', 'reason, type, hour or source', GROUPS).default('reason'))
    .addHelpText('after', '\nExamples:\n  assay dlq\n  assay dlq --by hour --since 24h')
    .action((options: { readonly since?: string; readonly by: string }, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const since_ms = reader.parsed('--since', options.since, (text) => parseSince(text, systemClock.now_ms()))
      const by = reader.choice('by', options.by, GROUPS) ?? 'reason'
      accept(reader.mistakes, (io) =>
        withLakeToLookAt(location, io, async (lake) => {
          const counts = await countDeadLetters(lake, by, since_ms)
          const text =
            counts.rows.length === 0
              ? 'No dead letters.\n'
              : resultTable(counts, io.stdoutWidth, ['first', 'error_type'])
          await write(io.stdout, json ? jsonText(resultJson(counts)) : text)
          return ExitCode.done
        }),
      )
    })
  addDlqList(dlq, accept)
  addShow(dlq, accept)
  addResolve(dlq, accept)
}

function coordinate(text: string): DeadLetterCoordinates {
  const coordinates = parseCoordinate(text)
  if (coordinates) return coordinates
  throw new AssayError('bad_coordinate', `"${text}" is no coordinate`, {
    hint: 'write topic/partition/offset, as market.crypto.trades.binance.raw/0/1200',
  })
}

function addShow(dlq: Command, accept: Accept): void {
  dlq
    .command('show')
    .summary('show one dead letter, decoded as far as it goes')
    .description(
      'Shows why a record was rejected, its fields as far as they can be read, its bytes, and what became of it.',
    )
    .argument('<coordinate>', 'topic/partition/offset')
    .addHelpText('after', '\nExample:\n  assay dlq show market.crypto.trades.binance.raw/0/1200')
    .action((text: string, _options: unknown, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const at = reader.parsed('<coordinate>', text, coordinate)
      accept(reader.mistakes, (io) => {
        if (!at) throw new RangeError('a command line without a coordinate was accepted')
        return withLakeToLookAt(location, io, async (lake) => {
          const report = await showDeadLetter(lake, at)
          await write(io.stdout, json ? deadLetterJson(report) : deadLetterText(report, io.stdoutWidth))
          return ExitCode.done
        })
      })
    })
}

function deadLetterJson({ dead_letter: deadLetter, resolutions, bytes: _raw, ...rest }: DeadLetterReport): string {
  return jsonText({ ...rest, dead_letter: resultJson(deadLetter)[0], resolutions: resultJson(resolutions) })
}

function deadLetterText(report: DeadLetterReport, width: number): string {
  const { coordinate: at, tables, is_open, dead_letter: deadLetter, record, bytes, resolutions } = report
  const field = (name: string, value: string): string => fieldText(`  ${name}: `, visible(value), width).trimEnd()
  const lines = [`dead letter ${at}, ${is_open ? 'open' : 'closed'}, in ${tables.join(' and ')}`]
  for (const [i, { name, type }] of deadLetter.columns.entries()) {
    const value = textValue(deadLetter.rows[0]?.[i], type)
    if (name !== 'raw_record' && value !== undefined) lines.push(field(name, value))
  }
  lines.push('record:')
  if (record.why !== undefined) lines.push(`  ${visible(record.why)}`)
  for (const [name, value] of Object.entries(record.fields ?? {})) lines.push(field(name, String(value)))
  if (bytes) {
    lines.push(`bytes (${count(bytes.length)}):`)
    lines.push(...hexLines(bytes.subarray(0, BYTES_SHOWN), width - 2).map((line) => `  ${line}`))
    if (bytes.length > BYTES_SHOWN) lines.push(`  and ${count(bytes.length - BYTES_SHOWN)} more (--json shows all)`)
  }
  const text = wrapText(`${lines.join('\n')}\n`, width)
  return resolutions.rows.length === 0 ? text : `${text}what became of it:\n${resultTable(resolutions, width)}`
}

interface ResolveOptions extends FilterOptions {
  readonly purge?: boolean
  readonly reopen?: boolean
  readonly note?: string
}

function addResolve(dlq: Command, accept: Accept): void {
  const resolve = dlq
    .command('resolve')
    .summary('close dead letters that are given up, or reopen such ones')
    .description(
      'Your word on dead letters, kept in the table silver_dlq_resolutions with the note: --purge closes open ones, so that ' +
        'no replay takes them; --reopen takes that back. Name dead letters, or take all of a range of days or of error types.',
    )
    .argument('[coordinates...]', 'topic/partition/offset')
  addFilterOptions(resolve)
    .option('--purge', 'close them')
    .option('--reopen', 'open them again')
    .option('--note <text>', 'why; kept in the ledger (required)')
    .addHelpText(
      'after',
      '\nExample:\n  assay dlq resolve --error-types unknown_error --date-range 2026-01-31 --purge --note "a test producer"',
    )
    .action((texts: string[], options: ResolveOptions, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const { purge = false, reopen = false, note = '', sourceTable } = options
      if (purge === reopen) reader.contradiction('give one of --purge and --reopen')
      const coordinates = texts.flatMap((text) => reader.parsed('[coordinates...]', text, coordinate) ?? [])
      const filter = readFilter(reader, options)
      const isFiltered = Object.keys(filter).length > 0
      if (texts.length > 0 === isFiltered)
        reader.contradiction(
          'give either coordinates, or --date-range, --error-types and --rejected-since (one or more of them)',
        )
      const which = texts.length > 0 ? { coordinates } : { filter }
      const resolution = purge ? 'purged' : 'reopened'
      accept(reader.mistakes, (io) =>
        withExistingLake(location, io, async (lake) => {
          const resolved = await runResolve(lake, { sourceTable, which, resolution, note })
          await write(
            io.stdout,
            json
              ? jsonText({ resolution, dead_letters: resolved })
              : `${resolution}: ${count(resolved)} dead letters\n`,
          )
          return ExitCode.done
        }),
      )
    })
}
