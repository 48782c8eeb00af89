import type { DeadLetterFilter } from '@assay/medallion'
import { type DeadLetterDay, type DeadLetterList, listDeadLetters } from '@assay/operations'
import type { Command } from 'commander'
import { addFilterOptions, type FilterOptions, readFilter } from '../../parse/dead-letter-options.js'
import { globalOptions } from '../../parse/global-options.js'
import { OptionReader } from '../../parse/options.js'
import { jsonText } from '../../print/json.js'
import { count } from '../../print/numbers.js'
import { resultJson, resultTable } from '../../print/result.js'
import { ExitCode } from '../../run/exit-code.js'
import { write } from '../../run/io.js'
import type { Accept } from '../../run/job.js'
import { withLakeToLookAt } from '../../run/with-lake.js'
import { wrapText } from '../../run/wrap.js'

const LIMIT = { least: 1, most: 10_000 }

interface Options extends FilterOptions {
  readonly limit: string
}

export function addDlqList(dlq: Command, accept: Accept): void {
  const list = dlq
    .command('list')
    .summary('the open dead letters one a line, and the command that replays them')
    .description(
      'Lists the open dead letters with their coordinates, the latest rejected first. The filters are those of ' +
        '"assay replay"; the command that judges just these again is printed below.',
    )
  addFilterOptions(list)
    .option('--limit <n>', 'list so many at most', '100')
    .addHelpText('after', '\nExample:\n  assay dlq list --error-types price_validation --rejected-since 24h')
    .action((options: Options, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const filter = readFilter(reader, options)
      const limit = reader.integer('limit', options.limit, LIMIT) ?? LIMIT.most
      const { sourceTable } = options
      accept(reader.mistakes, (io) =>
        withLakeToLookAt(location, io, async (lake) => {
          const found = await listDeadLetters(lake, { sourceTable, filter, limit })
          const commands = found.target_tables.map((target) => replayCommand(sourceTable, target, filter))
          await write(io.stdout, json ? listJson(found, commands) : listText(found, commands, io.stdoutWidth))
          return ExitCode.done
        }),
      )
    })
}

function listJson({ dead_letters, total, days }: DeadLetterList, replay: readonly string[]): string {
  return jsonText({ dead_letters: resultJson(dead_letters), total, replay, days })
}

function listText({ dead_letters, total, days }: DeadLetterList, commands: readonly string[], width: number): string {
  if (total === 0n) return wrapText(`No open dead letter matches.\n${daysText(days)}`, width)
  const shown = dead_letters.rows.length
  const more = total > BigInt(shown) ? `the latest ${count(shown)} of ${count(total)}; --limit shows more\n` : ''
  const text = `${more}To judge them again:\n${commands.map((one) => `  ${one}\n`).join('')}`
  return `${resultTable(dead_letters, width, ['dlq_date', 'error_type', 'error_reason', 'rejected_at'])}${wrapText(text, width)}`
}

/** Where to look instead, for a selection that is empty. */
export function daysText(days: readonly DeadLetterDay[]): string {
  if (days.length === 0) return ''
  const listed = days.map(({ dlq_date, dead_letters }) => `${dlq_date} (${count(dead_letters)})`)
  return `Days that have open ones, by --date-range: ${listed.join(', ')}\n`
}

function replayCommand(source: string, target: string, filter: DeadLetterFilter): string {
  const { dates, errorTypes, rejectedSince_ms } = filter
  const parts = [`assay replay --source-table ${source} --target-table ${target}`]
  if (dates) parts.push(`--date-range ${dates.first}..${dates.last}`)
  if (errorTypes) parts.push(`--error-types ${errorTypes.join(',')}`)
  if (rejectedSince_ms !== undefined) parts.push(`--rejected-since ${new Date(rejectedSince_ms).toISOString()}`)
  return parts.join(' ')
}
