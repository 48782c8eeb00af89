import { AssayError } from '@assay/core'
import { loadableRows, quoteText, type Session } from '@assay/engine'
import { type Exchange, readerSchemaOf } from '@assay/exchanges'
import { badRuleFile, type RuleSet } from '@assay/rules'
import { correctedLookup } from '../dead-letters/correction.js'
import { decodeRows } from '../silver/decode.js'
import { NO_ROWS } from '../silver/rows/rows.js'
import { ruleColumns } from '../silver/rule-columns.js'

/**
 * Makes sure that SQL from outside is what a rule may be: one expression over the columns of a mapped trade, of
 * functions that give the same for the same values, without a query inside. Judging runs where nothing else would
 * stop it. Throws `bad_rule_file`, which names each rule and place that isn't.
 */
export async function checkRules(session: Session, rules: RuleSet, exchanges: readonly Exchange[]): Promise<void> {
  const mistakes: string[] = []
  const functions = await pureFunctions(session)
  for (const rule of rules.rules) {
    for (const place of ['predicate', 'value'] as const) {
      const wrong = await wrongIn(session, rule[place], functions)
      if (wrong !== undefined) mistakes.push(`rule ${rule.name}, ${place}: ${wrong}`)
    }
  }
  // SQL that is no plain expression must not even be bound.
  if (mistakes.length > 0) throw badRuleFile(mistakes)
  for (const exchange of exchanges) mistakes.push(...(await unbound(session, rules, exchange)))
  if (mistakes.length > 0) throw badRuleFile([...new Set(mistakes)])
}

/** Scalar functions that look at their arguments only. */
async function pureFunctions(session: Session): Promise<ReadonlySet<string>> {
  const rows = await session.rows(`SELECT function_name FROM duckdb_functions() GROUP BY 1
    HAVING bool_and(function_type = 'scalar' AND stability = 'CONSISTENT')`)
  const names = new Set(rows.map((row) => String(row.function_name)))
  for (const name of SETTINGS) names.delete(name)
  return names
}

/** Functions that look at the instance, which DuckDB counts as the same for the same values. */
const SETTINGS = ['current_setting', 'getvariable', 'getenv', 'version']

interface Parsed {
  readonly error: boolean
  readonly error_message?: string
  readonly statements?: readonly { readonly node: Record<string, unknown> }[]
}

async function wrongIn(session: Session, sql: string, functions: ReadonlySet<string>): Promise<string | undefined> {
  if (/--|\/\*|;|\0/.test(sql)) return 'comments and semicolons are not allowed'
  // In brackets it may be no list and have nothing behind it; without, it may not close them.
  return (
    (await wrongStatement(session, `SELECT (\n${sql}\n)`, functions)) ??
    (await wrongStatement(session, `SELECT ${sql}`, functions))
  )
}

async function wrongStatement(
  session: Session,
  select: string,
  functions: ReadonlySet<string>,
): Promise<string | undefined> {
  const [row] = await session.rows(`SELECT json_serialize_sql(${quoteText(select)})::VARCHAR AS tree`)
  const { error, error_message, statements } = JSON.parse(String(row?.tree)) as Parsed
  if (error || !statements) return error_message ?? 'it is not SQL'
  const [statement] = statements
  const node = statement?.node
  const list = node?.select_list
  const isExpression =
    statements.length === 1 &&
    node?.type === 'SELECT_NODE' &&
    (node.from_table as { type?: unknown } | undefined)?.type === 'EMPTY' &&
    Array.isArray(list) &&
    list.length === 1 &&
    [node.where_clause, node.having, node.qualify, node.sample].every((part) => part === null || part === undefined)
  return isExpression ? wrongNode(list[0], functions) : 'it is not one expression'
}

/** The first node of a parse tree that has no place in a rule. */
function wrongNode(tree: unknown, functions: ReadonlySet<string>): string | undefined {
  const open: unknown[] = [tree]
  while (open.length > 0) {
    const node = open.pop()
    if (typeof node !== 'object' || node === null) continue
    const { class: kind, function_name: called } = node as Record<string, unknown>
    if (kind === 'SUBQUERY') return 'it holds a query'
    if (kind === 'WINDOW' || kind === 'STAR' || kind === 'PARAMETER')
      return `${String(kind).toLowerCase()} is not allowed`
    if (typeof called === 'string' && !functions.has(called.toLowerCase())) {
      return `the function ${called} is unknown, or gives other results at other times`
    }
    open.push(...Object.values(node))
  }
  return undefined
}

/** Rules whose columns or types an exchange's trades don't have. */
async function unbound(session: Session, rules: RuleSet, exchange: Exchange): Promise<string[]> {
  const decoded = await decodeRows(NO_ROWS, readerSchemaOf(exchange), correctedLookup(exchange, rules.decoding))
  const exchangeColumns = exchange.columns(decoded.columns, decoded.valid, rules.reading)
  const columns = ruleColumns({ exchange, rows: NO_ROWS, decoded, lanes: [], laneNumbers: [], exchangeColumns })
  const rawColumns = exchange.rawColumns(decoded.columns, decoded.valid, rules.reading)
  const loadable = loadableRows(new Map([...columns, ...rawColumns]), 0)
  const input = await session.load('rules_checked', loadable.columns, 0)
  const mistakes: string[] = []
  for (const { name, predicate, value } of rules.rules) {
    for (const [place, sql] of [
      ['predicate', `(${predicate}) IS NOT TRUE`],
      ['value', `(${value})::VARCHAR`],
    ] as const) {
      try {
        await session.rows(`SELECT ${sql} FROM (${loadable.select(input.name)}) LIMIT 0`)
      } catch (error) {
        if (!(error instanceof AssayError) || error.code !== 'engine_statement_failed') throw error
        mistakes.push(`rule ${name}, ${place}: ${error.message.split('\n')[0]}`)
      }
    }
  }
  return mistakes
}
