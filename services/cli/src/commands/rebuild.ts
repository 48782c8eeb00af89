import { readdir } from 'node:fs/promises'
import { type RebuildReport, rebuildLake } from '@assay/audit'
import { systemClock, UsageError } from '@assay/core'
import { embeddedParts, type Lake } from '@assay/lake'
import type { RuleSet } from '@assay/medallion'
import type { Command } from 'commander'
import { globalOptions } from '../parse/global-options.js'
import { ListedOption } from '../parse/listed-option.js'
import { OptionReader } from '../parse/options.js'
import { jsonText } from '../print/json.js'
import { LiveLines } from '../print/live-lines.js'
import { count } from '../print/numbers.js'
import { tableText, visible } from '../print/table.js'
import { ExitCode } from '../run/exit-code.js'
import { type Io, write } from '../run/io.js'
import type { Accept } from '../run/job.js'
import { presentRules } from '../run/present-rules.js'
import { withLake, withLakeToRead } from '../run/with-lake.js'

interface Options {
  readonly into?: string
  readonly compare?: boolean
  readonly rules?: string
  readonly batchRows?: string
}

interface Request {
  readonly into: string
  readonly compare: boolean
  readonly rules: 'recorded' | 'present'
  readonly batchRows?: number
}

const BATCH_ROWS = { least: 1, most: 10_000_000 }

/** By which rules everything is judged again. */
const RULES = ['recorded', 'present'] as const

export function addRebuild(program: Command, accept: Accept): void {
  program
    .command('rebuild')
    .summary('derive silver and gold again from bronze into a new folder, and compare')
    .description(
      "Runs silver's and gold's own stages over bronze again and writes the tables of a new lake; the old one is only " +
        'read. Each record is judged by the rule set that judged it first, dead letters that were replayed are taken up by ' +
        'the rules of their replay, and which copy of a trade won is what gold_duplicates says; so the rows are the ' +
        'same, but for the times of processing. Bronze and the log are not copied.',
    )
    .option('--into <dir>', 'a folder that is empty or not there yet (required)')
    .option('--compare', 'compare every row with the old tables; exit 1 if any differs')
    .addOption(
      new ListedOption(
        '--rules <which>',
        'recorded: the rules of their time (the default); present: those of today for everything',
        RULES,
      ),
    )
    .option('--batch-rows <n>', 'rows of a batch; the result does not depend on it')
    .addHelpText('after', '\nExample:\n  assay rebuild --into /tmp/again --compare')
    .action((options: Options, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const request = readRequest(reader, options)
      accept(reader.mistakes, async (io) => {
        const present = presentRules(io)
        await refuseUsed(request.into)
        const parts = embeddedParts(request.into)
        return withLakeToRead(location, io.signal, (source) =>
          withLake(parts, io, (target) => run(source, target, { ...request, present }, json, io)),
        )
      })
    })
}

function readRequest(reader: OptionReader, options: Options): Request {
  const { into = '' } = options
  if (/^[a-z0-9]+:\/\//i.test(into)) reader.wrong('--into', `--into takes a folder on this machine, not "${into}"`)
  const batchRows = reader.integer('batch-rows', options.batchRows, BATCH_ROWS)
  return {
    into,
    compare: options.compare ?? false,
    rules: reader.choice('rules', options.rules, RULES) ?? 'recorded',
    ...(batchRows !== undefined && { batchRows }),
  }
}

async function refuseUsed(folder: string): Promise<void> {
  const entries = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw new UsageError('folder_unusable', `"${folder}" cannot be used: ${error.message}`, {
      hint: 'name a folder that is empty or not there yet',
    })
  })
  if (entries.length === 0) return
  throw new UsageError('folder_not_empty', `"${folder}" is not empty`, {
    hint: 'name a folder that is empty or not there yet',
  })
}

async function run(
  source: Lake,
  target: Lake,
  request: Request & { readonly present: RuleSet },
  json: boolean,
  io: Io,
): Promise<ExitCode> {
  const live = new LiveLines(io.stderr, io.stderrIsTerminal, systemClock)
  const rows = new Map<string, number>()
  const { compare, rules, present, batchRows } = request
  const report = await rebuildLake(
    source,
    target,
    {
      compare,
      rules,
      present,
      ...(batchRows !== undefined && { batchRows }),
      onEvent: (event) => {
        if (event.kind !== 'committed') return
        rows.set(event.worker, (rows.get(event.worker) ?? 0) + (event.counts.records ?? 0))
        live.update([...rows].map(([worker, n]) => `${worker.padEnd(20)} ${count(n)} rows`))
      },
    },
    io.signal,
  )
  live.end()
  await write(
    io.stdout,
    json ? jsonText({ into: target.location, ...report }) : reportText(report, target.location, io.stdoutWidth),
  )
  return report.finished && report.is_same ? ExitCode.done : ExitCode.found_wrong
}

function reportText({ finished, comparisons, is_same }: RebuildReport, location: string, width: number): string {
  if (!finished) return `stopped before the end; what is in ${visible(location)} is of no use\n`
  if (comparisons.length === 0) return `rebuilt into ${visible(location)}; not compared\n`
  const table = tableText(
    [{ head: 'table' }, ...['rows', 'rebuilt', 'differing'].map((head) => ({ head, align: 'right' as const }))],
    comparisons.map(({ table: name, rows, rebuilt, differing }) => [
      name,
      count(rows),
      count(rebuilt),
      count(differing),
    ]),
    width,
  )
  const differences = comparisons.flatMap(({ table: name, differences: found }) =>
    found.map((text) => `${name}: ${visible(text)}\n`),
  )
  return `${table}${differences.join('')}${is_same ? 'no row differs' : 'rows differ'}\n`
}
