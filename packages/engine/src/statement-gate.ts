import { UsageError } from '@assay/core'
import duckdb, { type Connection } from '@duckdb/node-bindings'
import { DuckDBResult } from './node-api.js'
import { quoteText } from './sql-text.js'

const STATEMENT_CHARS_MAX = 100_000

/**
 * Table functions that neither read a file, run another statement, nor change the instance. Any other is refused:
 * a SELECT from DuckDB's own `enable_logging` writes files, one from `query` runs what a text says.
 */
const TABLE_FUNCTIONS: ReadonlySet<string> = new Set([
  'duckdb_columns',
  'duckdb_functions',
  'duckdb_keywords',
  'duckdb_schemas',
  'duckdb_tables',
  'duckdb_types',
  'duckdb_views',
  'generate_series',
  'json_each',
  'json_tree',
  'pragma_table_info',
  'pragma_version',
  'range',
  'repeat',
  'unnest',
])

const REFUSED_FUNCTIONS: ReadonlySet<string> = new Set(['write_log', 'nextval', 'currval'])

const BLANKS = String.raw`(?:\s|--[^\n]*(?:\n|$)|/\*[^]*?\*/)*`
const EXPLAIN_OPTION = String.raw`(?:analyze|format\s+[a-z]+)`
/** EXPLAIN with its options; what follows is the statement that it explains. */
const EXPLAIN = new RegExp(
  String.raw`^${BLANKS}explain\b${BLANKS}(analyze\b|\(\s*${EXPLAIN_OPTION}(?:\s*,\s*${EXPLAIN_OPTION})*\s*\))?`,
  'i',
)

/**
 * Returns the statement to execute in place of `sql`, or throws `statement_refused`: it has to be exactly one SELECT
 * (in any of its forms, DESCRIBE, SUMMARIZE and SHOW among them) or an EXPLAIN of one, by DuckDB's own parser.
 *
 * The parser is asked through `json_serialize_sql`, which only parses: the usual ways to learn a statement's type
 * already act on it (preparing EXPORT DATABASE makes its folder, extracting IMPORT DATABASE reads its script).
 */
export async function gateStatement(connection: Connection, sql: string): Promise<string> {
  if (sql.length > STATEMENT_CHARS_MAX) throw refused(`the statement is longer than ${STATEMENT_CHARS_MAX} characters`)
  if (sql.includes('\0')) throw refused('it holds a zero byte, at which the parser would stop reading')
  const explain = EXPLAIN.exec(sql)
  const select = explain ? sql.slice(explain[0].length) : sql
  const statement = await parseSelect(connection, select)
  assertHarmless(statement)
  // Put together anew, so that what runs is what was looked at.
  return explain ? `explain ${explain[1] ?? ''} ${select}` : select
}

interface Parsed {
  readonly error: boolean
  readonly error_type?: string
  readonly error_message?: string
  readonly statements?: readonly unknown[]
}

async function parseSelect(connection: Connection, sql: string): Promise<unknown> {
  const result = new DuckDBResult(
    await duckdb.query(connection, `select cast(json_serialize_sql(${quoteText(sql)}) as varchar)`),
  )
  const [row] = await result.getRows()
  const parsed = JSON.parse(String(row?.[0])) as Parsed
  if (parsed.error || !parsed.statements) {
    if (parsed.error_type === 'parser') throw new UsageError('query_invalid', parsed.error_message ?? 'no SQL', SYNTAX)
    throw refused('it is not a SELECT')
  }
  if (parsed.statements.length !== 1) throw refused(`it holds ${parsed.statements.length} statements`)
  return parsed.statements[0]
}

const SYNTAX = { hint: 'mend the SQL at the place that the message names' }

/** Looks at every node of the parse tree. */
function assertHarmless(statement: unknown): void {
  const open: unknown[] = [statement]
  while (open.length > 0) {
    const node = open.pop()
    if (typeof node !== 'object' || node === null) continue
    if (!Array.isArray(node)) assertHarmlessNode(node as Record<string, unknown>)
    for (const child of Object.values(node)) open.push(child)
  }
}

function assertHarmlessNode(node: Record<string, unknown>): void {
  const { type, function: call, function_name: name, table_name: table } = node
  if (type === 'TABLE_FUNCTION') {
    const tableFunction = nameOf((call as Record<string, unknown> | undefined)?.function_name)
    if (!TABLE_FUNCTIONS.has(tableFunction)) throw refused(`it reads from the function ${tableFunction}`)
  }
  if (name !== undefined && REFUSED_FUNCTIONS.has(nameOf(name))) throw refused(`it calls ${nameOf(name)}`)
  // DuckDB takes a table name that looks like a path for a file to read.
  if (type === 'BASE_TABLE' && /[./\\:*?]/.test(nameOf(table))) throw refused(`it reads the file ${nameOf(table)}`)
}

function nameOf(value: unknown): string {
  return typeof value === 'string' ? value.toLowerCase() : 'without a name'
}

export function refused(why: string): UsageError {
  return new UsageError('statement_refused', `The statement is refused: ${why}.`, {
    hint: 'write one SELECT (or EXPLAIN of one) over the tables and views that "show tables" lists',
  })
}
