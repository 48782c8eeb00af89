import { systemClock } from '@assay/core'
import { STANDARD_INPUT } from '@assay/feed'
import { loadReference, parseReference, REFERENCE_BYTES_MAX, type ReferenceReport } from '@assay/operations'
import type { Command } from 'commander'
import { globalOptions } from '../parse/global-options.js'
import { OptionReader } from '../parse/options.js'
import { readInput } from '../parse/read-text.js'
import { jsonText } from '../print/json.js'
import { count } from '../print/numbers.js'
import { withProgress } from '../print/progress.js'
import { visible } from '../print/table.js'
import { ExitCode } from '../run/exit-code.js'
import { type Io, write } from '../run/io.js'
import type { Accept } from '../run/job.js'
import { untilAborted } from '../run/stopped.js'
import { withExistingLake, withLakeToLookAt } from '../run/with-lake.js'
import { wrapText } from '../run/wrap.js'

/** Symbols that are named where gold has no trade of them. */
const NAMED_MAX = 10

export function addReference(program: Command, accept: Accept): void {
  const reference = program
    .command('reference')
    .summary('reference data of symbols, for gold_trades_enriched')
    .description(
      'What trades do not say of their symbols: base and quote, steps of price and quantity, a class of your own.',
    )
  addReferenceLoad(reference, accept)
}

function addReferenceLoad(reference: Command, accept: Accept): void {
  reference
    .command('load')
    .summary('make a file the truth for the symbols that it names')
    .description(
      'Reads rows of the table ref_symbols as CSV with a header, or as JSON lines, and makes them all that the table ' +
        'has of the symbols that they name, in one commit; other symbols stay as they are. A row is true from ' +
        'valid_from, which is included, to valid_to, which is not, and the rows of a symbol do not overlap. Every ' +
        'mistake is told with its line, and nothing is loaded unless there is none. The view gold_trades_enriched ' +
        'shows each trade with the row that was true at its time.',
    )
    .argument('<file>', 'rows of symbols; - is standard input')
    .option('--dry-run', 'check the file and count what would change, write nothing')
    .addHelpText(
      'after',
      '\nExample:\n  assay reference load examples/reference/symbols.csv --dry-run\n\n' +
        'Exits 2 when something in the file is wrong.',
    )
    .action((file: string, { dryRun = false }: { readonly dryRun?: boolean }, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const within = dryRun ? withLakeToLookAt : withExistingLake
      accept(reader.mistakes, async (io) => {
        const bytes = await inputBytes(file, io)
        return within(location, io, async (lake) => {
          const rows = parseReference(lake, bytes)
          const report = await withProgress(io, systemClock, 'comparing with the table', () =>
            loadReference(lake, rows, dryRun, io.signal),
          )
          const text = json ? jsonText({ ...report, dry_run: dryRun }) : reportText(report, dryRun, io.stdoutWidth)
          await write(io.stdout, text)
          return ExitCode.done
        })
      })
    })
}

async function inputBytes(file: string, io: Io): Promise<Buffer> {
  try {
    return await untilAborted(readInput('<file>', file, { stdin: io.stdin, bytesMax: REFERENCE_BYTES_MAX }), io.signal)
  } finally {
    if (file === STANDARD_INPUT) io.stdin.destroy()
  }
}

function reportText(report: ReferenceReport, isDry: boolean, width: number): string {
  const { rows, added, ended, changed, removed, unchanged } = report
  const counts = { added, ended, changed, removed, unchanged }
  const told = Object.entries(counts).map(([name, n]) => `${count(n)} ${name}`)
  const lines = [`${count(rows)} rows: ${told.join(', ')}`]
  const named = report.not_in_gold.slice(0, NAMED_MAX)
  if (named.length > 0) {
    const more = report.not_in_gold_total - named.length
    lines.push(`gold has no trade yet of ${named.map(visible).join(', ')}${more > 0 ? ` and ${count(more)} more` : ''}`)
  }
  if (isDry) lines.push('dry run: nothing was written')
  return wrapText(`${lines.join('\n')}\n`, width)
}
