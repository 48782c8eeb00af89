import { createReadStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { AssayError, UsageError } from '@assay/core'
import { type AsOf, openQuery, parseAsOf, type Query, type QueryResult } from '@assay/query'
import type { Command } from 'commander'
import { globalOptions } from '../parse/global-options.js'
import { OptionReader } from '../parse/options.js'
import { jsonText } from '../print/json.js'
import { count } from '../print/numbers.js'
import { resultCsv, resultJson, resultTable } from '../print/result.js'
import { ExitCode } from '../run/exit-code.js'
import { type Io, write } from '../run/io.js'
import type { Accept } from '../run/job.js'
import { withLakeToRead } from '../run/with-lake.js'

const FORMATS = ['table', 'csv', 'json', 'arrow', 'parquet'] as const
type Format = (typeof FORMATS)[number]

/** Rows that a table shows; more are of no use to eyes. */
const TABLE_ROWS_MAX = 1_000
/** Rows of csv, json and arrow, which are made in memory; Parquet has no limit. */
const TEXT_ROWS_MAX = 250_000
const TIMEOUT_MS = 10 * 60_000

interface Options {
  readonly format?: string
  readonly asOf?: string
  readonly output?: string
}

interface Request {
  readonly sql: string
  readonly format: Format
  readonly asOf?: AsOf
  readonly output?: string
}

export function addSql(program: Command, accept: Accept): void {
  program
    .command('sql')
    .summary('ask the tables in SQL')
    .description(
      "Runs one SELECT in DuckDB's SQL over the newest snapshot of every table, read-only. Tables have the names " +
        'that "assay tables" lists (market_data.<name> works too); views besides: lineage (each gold trade with its ' +
        'silver row and raw bytes), silver_dlq_open. Decimals are exact in every format; times are UTC.',
    )
    .argument('<statement>', 'one SELECT, quoted')
    .option('--format <name>', `${FORMATS.join(', ')} (table by default)`)
    .option('--as-of <when>', 'the lake as it was: a time (2026-01-31T12:00:00Z) or a snapshot id from "assay tables"')
    .option('--output <file>', 'write the result to a file instead of standard output')
    .addHelpText(
      'after',
      '\nExamples:\n' +
        '  assay sql "SELECT exchange, symbol, count(*) AS trades FROM gold_crypto_trades GROUP BY ALL"\n' +
        '  assay sql "FROM gold_crypto_trades" --format parquet --output gold.parquet',
    )
    .action((sql: string, options: Options, command: Command) => {
      const reader = new OptionReader()
      const { lake: place, json } = globalOptions(command, reader)
      const request = readRequest(reader, sql, options, json)
      accept(reader.mistakes, (io) => {
        if (isBinary(request.format) && request.output === undefined && io.stdoutIsTerminal) {
          throw new UsageError('binary_to_terminal', `${request.format} is binary and is not written to a terminal`, {
            hint: 'add --output FILE, or send standard output to a file',
          })
        }
        return withLakeToRead(place, async (lake) => {
          const query = await openQuery(lake, {
            ...(request.asOf && { asOf: request.asOf }),
            maxRows: request.format === 'table' ? TABLE_ROWS_MAX : TEXT_ROWS_MAX,
            timeout_ms: TIMEOUT_MS,
          })
          io.signal.addEventListener('abort', () => void query.close(), { once: true })
          try {
            await (request.format === 'parquet' ? writeParquet(query, request, io) : writeResult(query, request, io))
          } finally {
            await query.close()
          }
          return ExitCode.done
        })
      })
    })
}

function readRequest(reader: OptionReader, sql: string, options: Options, json: boolean): Request {
  const format = reader.choice('format', options.format, FORMATS)
  if (json && format !== undefined && format !== 'json') {
    reader.mistakes.push(`--json and --format ${format} ask for different things`)
  }
  const { asOf: when, output } = options
  const asOf = reader.parsed(when, parseAsOf)
  if (sql.trim() === '') reader.mistakes.push('the statement is empty')
  return {
    sql,
    format: format ?? (json ? 'json' : 'table'),
    ...(asOf && { asOf }),
    ...(output !== undefined && { output }),
  }
}

function isBinary(format: Format): boolean {
  return format === 'arrow' || format === 'parquet'
}

async function encode(result: QueryResult, format: Format): Promise<string | Uint8Array> {
  if (format === 'csv') return resultCsv(result)
  if (format === 'json') return jsonText(resultJson(result))
  if (format !== 'arrow') return resultTable(result)
  // Every command would wait for a library that few ask for.
  const { resultArrow } = await import('../print/arrow.js')
  return resultArrow(result)
}

async function writeResult(query: Query, { sql, format, output }: Request, io: Io): Promise<void> {
  const result = await query.run(sql)
  if (result.isTruncated && format !== 'table') {
    throw new AssayError('query_too_large', `the result has more than ${count(TEXT_ROWS_MAX)} rows`, {
      hint: 'narrow it, or take all of it as --format parquet --output FILE',
    })
  }
  const content = await encode(result, format)
  await (output === undefined ? write(io.stdout, content) : writeFile(output, content))
  if (result.isTruncated) {
    await write(
      io.stderr,
      `note: these are the first ${count(TABLE_ROWS_MAX)} rows; csv, json, arrow and parquet give more\n`,
    )
  }
}

async function writeParquet(query: Query, { sql, output }: Request, io: Io): Promise<void> {
  if (output !== undefined) return query.exportParquet(sql, output)
  const folder = await mkdtemp(join(tmpdir(), 'assay-sql-'))
  try {
    const file = join(folder, 'result.parquet')
    await query.exportParquet(sql, file)
    await pipeline(createReadStream(file), io.stdout, { end: false })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
