import { systemClock } from '@assay/core'
import type { Lake } from '@assay/lake'
import { ARCHIVE_DAYS, HOT_DAYS } from '@assay/medallion'
import {
  type MaintenanceTask,
  maintainTables,
  type RelocatedTable,
  relocateLake,
  runRetention,
  setPaused,
  type TableMaintenance,
} from '@assay/operations'
import type { Command } from 'commander'
import { globalOptions } from '../parse/global-options.js'
import { OptionReader } from '../parse/options.js'
import { jsonText } from '../print/json.js'
import { count } from '../print/numbers.js'
import { problemsText } from '../print/problems.js'
import { type Progress, withProgress } from '../print/progress.js'
import { tableText } from '../print/table.js'
import { ExitCode } from '../run/exit-code.js'
import { write } from '../run/io.js'
import type { Accept } from '../run/job.js'
import { withExistingLake, withLakeToLookAt } from '../run/with-lake.js'
import { wrapText } from '../run/wrap.js'

type Options = Readonly<
  Partial<Record<MaintenanceTask | 'retention' | 'relocate' | 'pause' | 'resume' | 'dryRun', boolean>>
>

const TASKS: readonly MaintenanceTask[] = ['compact', 'expire', 'orphans']

export function addMaintain(program: Command, accept: Accept): void {
  program
    .command('maintain')
    .summary('compact and clean up the tables, archive old dead letters, pause the writers')
    .description(
      'The workers keep their tables healthy by themselves; this does the same at once and over whole tables, and ' +
        "may run beside them. Give one or more of the options. Exits 1 when a table can't be used as it is; the " +
        'others are maintained all the same.',
    )
    .option('--compact', 'make the small files of each partition into one')
    .option('--expire', 'forget snapshots that are due, delete files past their grace time')
    .option('--orphans', 'delete files that killed writers left, older than a day')
    .option(
      '--retention',
      `dead letters: after ${HOT_DAYS} days to the archive; purged ${ARCHIVE_DAYS} days after that, or after their resolution`,
    )
    .option('--relocate', 'of a lake that was copied or moved: make this its location, in the metadata of every table')
    .option('--pause', 'stop all commits of Assay, so that another engine may write the tables')
    .option('--resume', 'let them go on')
    .option('--dry-run', 'count what would be done, do nothing')
    .addHelpText('after', '\nExamples:\n  assay maintain --retention --dry-run\n  assay maintain --compact --expire')
    .action((options: Options, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      for (const mistake of mistakesIn(options)) reader.contradiction(mistake)
      const within = options.dryRun ? withLakeToLookAt : withExistingLake
      accept(reader.mistakes, (io) =>
        within(location, io, async (lake) => {
          const report = await withProgress(io, systemClock, 'reading the tables', (progress) =>
            maintain(lake, options, io.signal, progress),
          )
          await write(
            io.stdout,
            json ? jsonText(report) : reportText(report, { dryRun: options.dryRun ?? false, width: io.stdoutWidth }),
          )
          return report.tables?.some(({ problem }) => problem) ? ExitCode.found_wrong : ExitCode.done
        }),
      )
    })
}

function mistakesIn(options: Options): string[] {
  const { pause, resume, dryRun, relocate } = options
  const works = relocate === true || options.retention === true || TASKS.some((task) => options[task])
  if (!works && !pause && !resume)
    return ['nothing to do: give --compact, --expire, --orphans, --retention, --relocate, --pause or --resume']
  if (pause && resume) return ['--pause and --resume are opposites']
  if (pause && works) return ['--pause stops the very commits that the others make: resume first']
  if (dryRun && (pause || resume)) return ['--dry-run has no meaning for --pause and --resume']
  return []
}

interface Report {
  readonly paused?: boolean
  readonly relocated?: readonly RelocatedTable[]
  readonly tables?: readonly TableMaintenance[]
  readonly retention?: { readonly archived: number; readonly purged: number }
}

async function maintain(lake: Lake, options: Options, signal: AbortSignal, progress: Progress): Promise<Report> {
  const { pause = false, resume = false, retention = false, dryRun = false } = options
  if (pause || resume) await setPaused(lake, pause)
  const tasks = new Set(TASKS.filter((task) => options[task]))
  const onTable = (table: string, place: number, of: number): void =>
    progress.update({ text: `${table}, table ${place} of ${of}` })
  if (options.relocate) progress.update({ text: 'writing the location into the metadata' })
  const relocated = options.relocate && (await relocateLake(lake, dryRun, signal))
  if (retention) progress.update({ text: 'looking for dead letters past their time' })
  return {
    ...((pause || resume) && { paused: pause }),
    ...(relocated && { relocated }),
    ...(retention && { retention: await runRetention(lake, dryRun, signal) }),
    ...(tasks.size > 0 && { tables: await maintainTables(lake, tasks, dryRun, signal, onTable) }),
  }
}

function reportText(
  { paused, relocated, tables, retention }: Report,
  { dryRun, width }: { readonly dryRun: boolean; readonly width: number },
): string {
  const parts: string[] = []
  if (paused !== undefined) parts.push(paused ? 'paused: no commit of Assay until --resume\n' : 'resumed\n')
  if (relocated) {
    const moved = relocated.filter(({ from }) => from !== null)
    parts.push(`tables relocated: ${count(moved.length)} of ${count(relocated.length)}\n`)
    for (const { table, from } of moved) parts.push(`  ${table}, from ${from}\n`)
  }
  if (retention) {
    const { archived, purged } = retention
    parts.push(`dead letters: ${count(archived)} to the archive, ${count(purged)} purged from it\n`)
  }
  if (tables) {
    const heads = ['compacted', 'expired', 'collected', 'orphans'] as const
    const shown = heads.filter((head) => tables.some((table) => table[head] !== undefined))
    parts.push(
      tableText(
        [{ head: 'table' }, ...shown.map((head) => ({ head, align: 'right' as const }))],
        tables.map((table) => [table.table, ...shown.map((head) => (table.problem ? '' : count(table[head] ?? 0)))]),
        width,
      ),
      problemsText(tables.flatMap(({ problem }) => problem ?? [])),
    )
  }
  if (dryRun) parts.push('dry run: nothing was done\n')
  return wrapText(parts.join(''), width)
}
