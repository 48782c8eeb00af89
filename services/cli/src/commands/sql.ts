import { tmpdir } from 'node:os'
import { systemClock, systemRandom, UsageError } from '@assay/core'
import type { LakeParts } from '@assay/lake'
import {
  type AsOf,
  ask,
  DEFAULT_LIMITS,
  type HeadColumn,
  parseAsOf,
  QueryChild,
  type QueryLimits,
  type RowCount,
  STREAM_FORMATS,
  type Statement,
} from '@assay/query'
import type { Command } from 'commander'
import { openOutput, type ResultOutput } from '../output/output-file.js'
import { globalOptions } from '../parse/global-options.js'
import { ListedOption } from '../parse/listed-option.js'
import { OptionReader } from '../parse/options.js'
import { count, size } from '../print/numbers.js'
import { type Progress, withProgress } from '../print/progress.js'
import { tableText } from '../print/table.js'
import { ExitCode } from '../run/exit-code.js'
import { type Io, write } from '../run/io.js'
import type { Accept } from '../run/job.js'
import { withLakeToRead } from '../run/with-lake.js'
import { wrapText } from '../run/wrap.js'

const FORMATS = ['table', ...STREAM_FORMATS, 'parquet'] as const
type Format = (typeof FORMATS)[number]

/** How the end of a file's name tells the format. */
const EXTENSIONS: Readonly<Record<string, Format>> = {
  csv: 'csv',
  json: 'json',
  ndjson: 'ndjson',
  jsonl: 'ndjson',
  arrow: 'arrow',
  arrows: 'arrow',
  parquet: 'parquet',
  txt: 'table',
}

/** Rows that a table shows; more are of no use to eyes. */
const TABLE_ROWS_MAX = 1_000
const MIB = 2 ** 20
const TIMEOUT_SECONDS = { least: 1, most: 7 * 86_400, unit: 'seconds' }
const MEMORY_MIB = { least: 64, most: 1_048_576, unit: 'MiB' }

interface Options {
  readonly format?: string
  readonly asOf?: string
  readonly output?: string
  readonly timeout?: string
  readonly memory?: string
}

interface Request {
  readonly sql: string
  readonly format: Format
  readonly limits: QueryLimits
  readonly asOf?: AsOf
  readonly output?: string
}

export function addSql(program: Command, accept: Accept): void {
  program
    .command('sql')
    .summary('ask the tables in SQL')
    .description(
      "Runs one SELECT in DuckDB's SQL over the newest snapshot of every table that it reads, read-only, in a process " +
        'of its own with limits. Tables have the names that "assay tables" lists (market_data.<name> works too); views ' +
        'besides: gold_trades and silver_trades (with event_time, a timestamp), lineage (each gold trade with its silver row ' +
        'and raw bytes), silver_dlq_open. Every format is exact; ' +
        'times are UTC. In json and ndjson, BIGINT and wider integers and decimals are texts, as many readers would ' +
        'round them; narrower integers and doubles are numbers.',
    )
    .argument('<statement>', 'one SELECT, quoted')
    .addOption(
      new ListedOption(
        '--format <name>',
        `${FORMATS.join(', ')} (what the output's name ends in, else table)`,
        FORMATS,
      ),
    )
    .option(
      '--as-of <when>',
      'the lake as it was: a time (2026-01-31T12:00:00Z), how long ago (10m, 2h, 3d), or a snapshot id from "assay tables"',
    )
    .option('-o, --output <file>', 'write the result to a file instead of standard output')
    .option('--timeout <seconds>', `time to answer (${DEFAULT_LIMITS.timeout_ms / 1000} by default)`)
    .option('--memory <mib>', `memory for the query in MiB (${DEFAULT_LIMITS.memory_bytes / MIB} by default)`)
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  assay sql "SELECT exchange, symbol, count(*) AS trades FROM gold_crypto_trades GROUP BY ALL"\n' +
        '  assay sql "FROM gold_crypto_trades" -o gold.parquet',
    )
    .action((sql: string, options: Options, command: Command) => {
      const reader = new OptionReader()
      const { lake: location, json } = globalOptions(command, reader)
      const request = readRequest(reader, sql, options, json)
      accept(reader.mistakes, (io) => runSql(location, request, io))
    })
}

function readRequest(reader: OptionReader, sql: string, options: Options, json: boolean): Request {
  const { asOf: when, output } = options
  const format = readFormat(reader, options, json)
  const asOf = reader.parsed('--as-of', when, parseAsOf)
  const timeout_s = reader.integer('timeout', options.timeout, TIMEOUT_SECONDS)
  const memory_mib = reader.integer('memory', options.memory, MEMORY_MIB)
  return {
    sql,
    format,
    limits: {
      ...DEFAULT_LIMITS,
      ...(timeout_s !== undefined && { timeout_ms: timeout_s * 1000 }),
      ...(memory_mib !== undefined && { memory_bytes: memory_mib * MIB }),
    },
    ...(asOf && { asOf }),
    ...(output !== undefined && { output }),
  }
}

/** The format that is asked for, in up to three ways, which must not disagree. */
function readFormat(reader: OptionReader, options: Options, json: boolean): Format {
  const { output } = options
  const named = reader.choice('format', options.format, FORMATS)
  const extension = /\.([a-z]+)$/i.exec(output ?? '')?.[1]?.toLowerCase()
  const byName = extension === undefined ? undefined : EXTENSIONS[extension]
  const asked = [
    ...(named === undefined ? [] : [[`--format ${named}`, named] as const]),
    ...(json ? [['--json', 'json'] as const] : []),
    ...(byName === undefined ? [] : [[`--output ${output}`, byName] as const]),
  ]
  const [first, ...others] = asked
  const other = others.find(([, format]) => format !== first?.[1])
  if (first && other) reader.contradiction(`${first[0]} and ${other[0]} ask for different formats`)
  if (!first && output !== undefined && options.format === undefined) {
    reader.wrong(
      '--output',
      `--output ${output} does not tell the format: end it in .${Object.keys(EXTENSIONS).join(', .')}, or add --format`,
    )
  }
  return first?.[1] ?? 'table'
}

async function runSql(location: LakeParts, request: Request, io: Io): Promise<ExitCode> {
  const { format, output, limits } = request
  if ((format === 'arrow' || format === 'parquet') && output === undefined && io.stdoutIsTerminal) {
    throw new UsageError('binary_to_terminal', `${format} is binary and is not written to a terminal`, {
      hint: 'add --output FILE, or send standard output to a file',
    })
  }
  // Started first, since it gets ready while the lake is opened.
  const child = new QueryChild({
    limits,
    scratchDirectory: location.workDirectory ?? tmpdir(),
    clock: systemClock,
    random: systemRandom,
  })
  try {
    const target = await openOutput(output, io, systemRandom)
    try {
      await withLakeToRead(location, io, async (lake) => {
        const statement = await statementOf(request, target)
        const notes = new Set<string>()
        const parts = ask(lake, child, statement, {
          signal: io.signal,
          ...(request.asOf && { asOf: request.asOf }),
          onNote: (note) => notes.add(note),
        })
        const width = output === undefined ? io.stdoutWidth : Number.POSITIVE_INFINITY
        await withProgress(io, systemClock, 'no answer of the statement yet', (progress) =>
          writeAnswer(parts, { table: format === 'table' ? { width } : undefined, target, progress }, io),
        )
        for (const note of notes) await write(io.stderr, wrapText(`note: ${note}\n`, io.stderrWidth))
      })
      await target.commit()
    } finally {
      await target.discard()
    }
    return ExitCode.done
  } finally {
    await child.close()
  }
}

async function statementOf({ sql, format }: Request, target: ResultOutput): Promise<Statement> {
  if (format === 'table') return { sql, output: { kind: 'cells', rows_max: TABLE_ROWS_MAX } }
  if (format === 'parquet') return { sql, output: { kind: 'parquet', path: await target.filePath() } }
  return { sql, output: { kind: 'stream', format } }
}

interface Answer {
  readonly table: { readonly width: number } | undefined
  readonly target: ResultOutput
  readonly progress: Progress
}

async function writeAnswer(parts: ReturnType<typeof ask>, { table, target, progress }: Answer, io: Io): Promise<void> {
  let columns: readonly HeadColumn[] = []
  const cells: (readonly (string | null)[])[] = []
  let written_bytes = 0
  // What is streamed to the same terminal shows by itself how far it is.
  if (!table && io.stdoutIsTerminal) progress.end()
  for await (const part of parts) {
    if (part.kind === 'head') columns = part.columns
    else if (part.kind === 'bytes') {
      await target.write(part.bytes)
      written_bytes += part.bytes.length
      progress.update({ text: `${size(written_bytes)} written` })
    } else if (part.kind === 'cells') cells.push(...part.rows)
    else if (table) {
      progress.end()
      await target.write(cellsText(columns, cells, table.width))
      await noteOthers(cells.length, part, io)
    }
  }
}

/** Tells how many rows the table does not show. */
async function noteOthers(shown: number, { rows, isAll }: RowCount, io: Io): Promise<void> {
  if (rows <= BigInt(shown)) return
  const all = `${isAll ? '' : 'more than '}${count(rows)}`
  await write(io.stderr, `note: these are the first ${count(shown)} of ${all} rows; every other format gives all\n`)
}

function cellsText(
  columns: readonly HeadColumn[],
  rows: readonly (readonly (string | null)[])[],
  width: number,
): string {
  const heads = columns.map(({ name, isNumeric }) => ({ head: name, align: isNumeric ? 'right' : 'left' }) as const)
  const cells = rows.map((row) => row.map((cell) => cell ?? 'NULL'))
  return tableText(heads, cells, width)
}
