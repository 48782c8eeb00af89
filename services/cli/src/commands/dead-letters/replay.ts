import { systemClock } from '@assay/core'
import { exchanges } from '@assay/exchanges'
import { type ReplayReport, silverTable } from '@assay/medallion'
import { openDeadLetterDays, readRules, runReplay } from '@assay/operations'
import type { Command } from 'commander'
import { addFilterOptions, type FilterOptions, readFilter } from '../../parse/dead-letter-options.js'
import { globalOptions } from '../../parse/global-options.js'
import { ListedOption } from '../../parse/listed-option.js'
import { OptionReader } from '../../parse/options.js'
import { readRuleText, readText } from '../../parse/read-text.js'
import { jsonText } from '../../print/json.js'
import { count } from '../../print/numbers.js'
import { withProgress } from '../../print/progress.js'
import { visible } from '../../print/table.js'
import { ExitCode } from '../../run/exit-code.js'
import { write } from '../../run/io.js'
import type { Accept } from '../../run/job.js'
import { presentRules } from '../../run/present-rules.js'
import { withExistingLake, withLakeToLookAt } from '../../run/with-lake.js'
import { wrapText } from '../../run/wrap.js'
import { daysText } from './dlq-list.js'

const SILVER_TABLES = exchanges.map(({ name }) => silverTable(name).name)

interface Options extends FilterOptions {
  readonly targetTable?: string
  readonly dryRun?: boolean
  readonly fix?: string
  readonly rules?: string
}

export function addReplay(program: Command, accept: Accept): void {
  const command = program
    .command('replay')
    .summary('judge dead letters again and take those that pass into silver')
    .description(
      'Judges the open dead letters of the queue by the rules of today. Those that pass go to the silver table, under ' +
        'their own coordinates, and from there to gold; the others stay. It may be killed, run again and run twice at ' +
        'once: each dead letter passes once. Every replay is a row of the table "replays". --dry-run writes nothing and ' +
        'tells the same numbers. --fix takes corrections of single records, one a line: ' +
        '{"coordinate": "topic/partition/offset", "fields": {"price": "1.5"}}; only those dead letters are then replayed.',
    )
    .addOption(
      new ListedOption(
        '--target-table <table>',
        `the silver table: ${SILVER_TABLES.join(' or ')} (required)`,
        SILVER_TABLES,
      ),
    )
  addFilterOptions(command)
    .option('--dry-run', 'judge and count, write nothing')
    .option('--fix <file>', 'corrections as JSON lines')
    .option('--rules <file>', 'a rule set of your own; "assay rules list --json" prints the form')
    .addHelpText(
      'after',
      '\nExit codes: 0 all dead letters passed, 1 some still fail.\n\nExample:\n  assay replay --target-table ' +
        'silver_binance_trades --date-range 2026-01-01..2026-01-31 --error-types price_validation --dry-run',
    )
    .action((options: Options, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const filter = readFilter(reader, options)
      reader.choice('target-table', options.targetTable, SILVER_TABLES)
      const { sourceTable, targetTable = '', dryRun = false, fix, rules } = options
      const within = dryRun ? withLakeToLookAt : withExistingLake
      accept(reader.mistakes, async (io) => {
        const present = presentRules(io)
        const ruleText = rules === undefined ? undefined : await readRuleText('--rules', rules)
        const fixText = fix === undefined ? undefined : await readText('--fix', fix)
        return within(location, io, async (lake) => {
          const request = {
            sourceTable,
            targetTable,
            filter,
            dryRun,
            ...(fixText !== undefined && { fix: fixText }),
            rules: ruleText === undefined ? present : presentRules(io, await readRules(lake, ruleText)),
          }
          const report = await withProgress(io, systemClock, 'no dead letter judged yet', (progress) => {
            const onProgress = ({ selected, passed }: { readonly selected: number; readonly passed: number }): void =>
              progress.update({ text: `${count(selected)} dead letters judged, ${count(passed)} pass` })
            return runReplay(lake, { ...request, onProgress }, io.signal)
          })
          const days = report.selected === 0 ? await openDeadLetterDays(lake, sourceTable, targetTable) : []
          const text = (): string => `${replayText(report, targetTable)}${daysText(days)}`
          await write(io.stdout, json ? jsonText({ ...report, dry_run: dryRun }) : wrapText(text(), io.stdoutWidth))
          return report.still_failing > 0 || !report.finished ? ExitCode.found_wrong : ExitCode.done
        })
      })
    })
}

function replayText(report: ReplayReport, target: string): string {
  const { selected, passed, still_failing, rule_version, replay_id, finished } = report
  const verb = replay_id === undefined ? 'would pass' : 'passed'
  const lines = [`${count(passed)} of ${count(selected)} dead letters ${verb} into ${target} by ${rule_version}`]
  if (still_failing > 0) lines.push(`${count(still_failing)} still fail:`)
  for (const [reason, n] of Object.entries(report.reasons)) lines.push(`  ${reason}  ${count(n)}`)
  if (!finished) lines.push('stopped before the last dead letter: run it again to go on')
  lines.push(replay_id === undefined ? 'dry run: nothing was written' : `replay ${replay_id}`)
  return `${lines.map(visible).join('\n')}\n`
}
