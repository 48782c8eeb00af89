import { UsageError } from '@assay/core'
import duckdb, { type Connection } from '@duckdb/node-bindings'
import { DuckDBResult } from '../results/node-api.js'
import { quoteText } from '../sql-text.js'
import { refused } from './query-error.js'
import { CATALOG_TABLES, FUNCTIONS, TABLE_FUNCTIONS } from './statement-functions.js'

const STATEMENT_CHARS_MAX = 100_000
/** Schemas in which the tables stand, and what DuckDB calls its own catalog. */
const TABLE_SCHEMAS: ReadonlySet<string> = new Set(['', 'main', 'market_data'])
const OWN_CATALOGS: ReadonlySet<string> = new Set(['', 'memory'])
const FUNCTION_SCHEMAS: ReadonlySet<string> = new Set(['', 'main', 'pg_catalog'])
const FUNCTION_CATALOGS: ReadonlySet<string> = new Set(['', 'system'])
/** SHOW TABLES and SHOW ALL TABLES, as the parser writes them. */
const SHOWN_LISTS: ReadonlySet<string> = new Set(['tables', '__show_tables_expanded'])
/** A name that holds one of these could be a path; DuckDB reads a table of such a name from that file. */
const PATH_LIKE = /[./\\:*?]/

const BLANKS = String.raw`(?:\s|--[^\n]*(?:\n|$)|/\*[^]*?\*/)*`
const EXPLAIN_OPTION = String.raw`(?:analyze|format\s+[a-z]+)`
/** EXPLAIN with its options; what follows is the statement that it explains. */
const EXPLAIN = new RegExp(
  String.raw`^${BLANKS}explain\b${BLANKS}(analyze\b|\(\s*${EXPLAIN_OPTION}(?:\s*,\s*${EXPLAIN_OPTION})*\s*\))?`,
  'i',
)

/** A statement that was let through. */
export interface GatedStatement {
  /** What to run: put together anew, so that what runs is what was looked at. */
  readonly sql: string
  readonly isExplain: boolean
  /** Tables and views that it can read, as they are spelt where they are defined; none besides. */
  readonly reads: readonly string[]
  /** True when the statement asks which tables and views there are. */
  readonly isCatalogRead: boolean
}

/**
 * Lets a statement through, or throws `query_refused` or `query_invalid`: it has to be exactly one SELECT (in any of
 * its forms, DESCRIBE, SUMMARIZE and SHOW among them) or an EXPLAIN of one, by DuckDB's own parser, over `tables` and
 * with listed functions only.
 *
 * The parser is asked through `json_serialize_sql`, which only parses: the usual ways to learn a statement's type
 * already act on it (preparing EXPORT DATABASE makes its folder, extracting IMPORT DATABASE reads its script).
 */
export async function gateStatement(
  connection: Connection,
  sql: string,
  tables: Iterable<string>,
): Promise<GatedStatement> {
  if (sql.length > STATEMENT_CHARS_MAX) throw refused(`the statement is longer than ${STATEMENT_CHARS_MAX} characters`)
  if (sql.includes('\0')) throw refused('it holds a zero byte, at which the parser would stop reading')
  const explain = EXPLAIN.exec(sql)
  const select = explain ? sql.slice(explain[0].length) : sql
  const statement = await parseSelect(connection, select)
  const gate = new Gate(tables, statement)
  return {
    sql: explain ? `explain ${explain[1] ?? ''} ${select}` : select,
    isExplain: explain !== null,
    ...gate.reads(),
  }
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
    if (parsed.error_type === 'parser')
      throw new UsageError('query_invalid', parsed.error_message ?? 'no SQL', { hint: SYNTAX_HINT })
    throw refused('it is not a SELECT')
  }
  if (parsed.statements.length !== 1) throw refused(`it holds ${parsed.statements.length} statements`)
  return parsed.statements[0]
}

const SYNTAX_HINT = 'mend the SQL at the place that the message names'

type Node = Readonly<Record<string, unknown>>

/** Looks at every node of a parse tree. */
class Gate {
  readonly #tables: ReadonlyMap<string, string>
  readonly #nodes: readonly Node[]
  readonly #commonTables: ReadonlySet<string>
  readonly #reads = new Set<string>()
  #isCatalogRead = false

  constructor(tables: Iterable<string>, statement: unknown) {
    this.#tables = new Map(Array.from(tables, (name) => [name.toLowerCase(), name]))
    this.#nodes = allNodes(statement)
    this.#commonTables = new Set(this.#nodes.flatMap(commonTablesOf))
  }

  reads(): Pick<GatedStatement, 'reads' | 'isCatalogRead'> {
    for (const node of this.#nodes) this.#look(node)
    return { reads: [...this.#reads], isCatalogRead: this.#isCatalogRead }
  }

  #look(node: Node): void {
    if (node.type === 'TABLE_FUNCTION') this.#lookAtTableFunction(node)
    else if (typeof node.function_name === 'string') assertFunction(node)
    if (node.type === 'BASE_TABLE') this.#lookAtTable(node)
    if (node.type === 'SHOW_REF') this.#lookAtShow(node)
  }

  #lookAtTable({ catalog_name, schema_name, table_name }: Node): void {
    const parts = [nameOf(catalog_name), nameOf(schema_name), nameOf(table_name)] as const
    const [catalog, schema, table] = parts
    if (OWN_CATALOGS.has(catalog) && TABLE_SCHEMAS.has(schema)) {
      const known = this.#tables.get(table)
      // A common table may bear a table's name: where it counts is the parser's to say, so the table counts as read.
      if (known !== undefined) this.#reads.add(known)
      if (known !== undefined || (catalog === '' && schema === '' && this.#commonTables.has(table))) return
    }
    if (OWN_CATALOGS.has(catalog) && schema === 'information_schema' && CATALOG_TABLES.has(table)) {
      this.#isCatalogRead = true
      return
    }
    const written = parts.filter((part) => part !== '').join('.')
    if (parts.some((part) => PATH_LIKE.test(part))) throw refused(`it reads the file ${written}`)
    if (schema === '' || TABLE_SCHEMAS.has(schema)) throw unknownTable(written, this.#tables.values())
    throw refused(`it reads ${written}, which is no table of the lake`)
  }

  #lookAtTableFunction(node: Node): void {
    const call = node.function as Node | undefined
    const name = nameOf(call?.function_name)
    if (!TABLE_FUNCTIONS.has(name) || !isBuiltIn(call)) throw refused(`it reads from the function ${name}`)
    if (/^(?:duckdb|pragma)_/.test(name)) this.#isCatalogRead = true
  }

  /** DESCRIBE and SUMMARIZE hold a query, which is looked at like any; SHOW holds a name. */
  #lookAtShow({ table_name, query, catalog_name, schema_name }: Node): void {
    if (query !== null && query !== undefined) return
    const name = nameOf(table_name).replace(/^"(.*)"$/, '$1')
    if (SHOWN_LISTS.has(name)) this.#isCatalogRead = true
    else this.#lookAtTable({ catalog_name, schema_name, table_name: name })
  }
}

function allNodes(statement: unknown): Node[] {
  const nodes: Node[] = []
  const open: unknown[] = [statement]
  while (open.length > 0) {
    const value = open.pop()
    if (typeof value !== 'object' || value === null) continue
    if (!Array.isArray(value)) nodes.push(value as Node)
    for (const child of Object.values(value)) open.push(child)
  }
  return nodes
}

function commonTablesOf(node: Node): string[] {
  const map = (node.cte_map as { readonly map?: readonly { readonly key?: unknown }[] } | undefined)?.map ?? []
  const names = map.map(({ key }) => nameOf(key))
  const path = names.find((name) => PATH_LIKE.test(name))
  if (path !== undefined) throw refused(`its common table ${path} has the name of a file`)
  return names
}

function assertFunction(node: Node): void {
  // The call inside a table function is looked at there.
  const name = nameOf(node.function_name)
  if (FUNCTIONS.has(name) && isBuiltIn(node)) return
  if (TABLE_FUNCTIONS.has(name) && isBuiltIn(node)) return
  throw refused(`it calls the function ${name}, which is unknown or does more than compute`)
}

function isBuiltIn(call: Node | undefined): boolean {
  return FUNCTION_SCHEMAS.has(nameOf(call?.schema)) && FUNCTION_CATALOGS.has(nameOf(call?.catalog))
}

function nameOf(value: unknown): string {
  return typeof value === 'string' ? value.toLowerCase() : ''
}

function unknownTable(name: string, tables: Iterable<string>): UsageError {
  const near = [...tables].filter((table) => table.includes(name) || sharesWord(table, name)).slice(0, 5)
  return new UsageError('query_invalid', `there is no table or view ${name}`, {
    hint: near.length > 0 ? `perhaps ${near.join(', ')}; "show tables" lists all` : '"show tables" lists them',
  })
}

function sharesWord(table: string, name: string): boolean {
  return name.split('_').some((word) => word.length > 2 && table.split('_').includes(word))
}
