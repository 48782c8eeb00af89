import { readdir } from 'node:fs/promises'
import { type RebuildReport, rebuildLake } from '@assay/audit'
import { systemClock, UsageError } from '@assay/core'
import { embeddedParts, type Lake, tableReport } from '@assay/lake'
import type { WorkerEvent } from '@assay/pipeline'
import type { RuleSet } from '@assay/rules'
import type { Command } from 'commander'
import { globalOptions } from '../parse/global-options.js'
import { ListedOption } from '../parse/listed-option.js'
import { OptionReader } from '../parse/options.js'
import { jsonText } from '../print/json.js'
import { count } from '../print/numbers.js'
import { withProgress } from '../print/progress.js'
import { tableText, visible } from '../print/table.js'
import { ExitCode } from '../run/exit-code.js'
import { type Io, write } from '../run/io.js'
import type { Accept } from '../run/job.js'
import { presentRules } from '../run/present-rules.js'
import { withLake, withLakeToRead } from '../run/with-lake.js'
import { wrapText } from '../run/wrap.js'

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
    .summary('derive silver, gold and candles again from bronze into a new folder, and compare')
    .description(
      "Runs the layers' own stages over bronze again and writes the tables of a new lake; the old one is only " +
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
        return withLakeToRead(location, io, (source) =>
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
  const { compare, rules, present, batchRows } = request
  const all = await rowsToDerive(source)
  const report = await withProgress(io, systemClock, 'reading the tables', (progress) => {
    let done = 0
    const onEvent = (event: WorkerEvent): void => {
      if (event.kind !== 'committed') return
      done += event.counts.records ?? 0
      const text = `${event.worker}: ${count(done)} of ${count(all)} rows derived again`
      progress.update({ text, share: Math.min(1, done / all) })
    }
    const onCompare = (): void => progress.update({ text: 'comparing every row' })
    const options = { compare, rules, present, ...(batchRows !== undefined && { batchRows }), onEvent, onCompare }
    return rebuildLake(source, target, options, io.signal)
  })
  await write(
    io.stdout,
    json ? jsonText({ into: target.location, ...report }) : reportText(report, target.location, io.stdoutWidth),
  )
  return report.finished && report.is_same ? ExitCode.done : ExitCode.found_wrong
}

/** Rows that the layers will be given: those of the tables that each of them reads. */
async function rowsToDerive(source: Lake): Promise<number> {
  const read = source.layers.flatMap(({ workers }) => workers(source.exchanges)).flatMap(({ upstreams }) => upstreams)
  const names = new Set(read.map(({ definition }) => definition.name))
  return (await tableReport(source)).filter(({ name }) => names.has(name)).reduce((sum, { rows }) => sum + rows, 0)
}

function reportText({ finished, comparisons, is_same }: RebuildReport, location: string, width: number): string {
  if (!finished) return wrapText(`stopped before the end; what is in ${visible(location)} is of no use\n`, width)
  if (comparisons.length === 0) return wrapText(`rebuilt into ${visible(location)}; not compared\n`, width)
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
  return `${table}${wrapText(differences.join(''), width)}${is_same ? 'no row differs' : 'rows differ'}\n`
}
