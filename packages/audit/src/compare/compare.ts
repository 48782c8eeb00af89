import { quoteIdentifier, quoteText, type Session } from '@assay/engine'
import { type ColumnDefinition, sqlType } from '@assay/pipeline'
import { Findings, LISTED_MAX } from '../check.js'
import type { CoordinateColumns } from '../pinned/pinned-scan.js'

interface Comparison {
  /** SQL of the rows as they should be. */
  readonly expected: string
  /** SQL of the rows as they are. */
  readonly found: string
  /** What of them is compared; both queries give these columns and those of the place. */
  readonly columns: readonly ColumnDefinition[]
  readonly coordinates: CoordinateColumns
  /** What a row that is not there, and one that should not be there, is called: `is in bronze but not in …`. */
  readonly missing: string
  readonly extra: string
  /** Which of them a table holds, an earlier version's perhaps; `found` unless given. */
  readonly kept?: 'expected' | 'found'
}

/** Sums over several comparisons. */
export class Tally {
  expected = 0n
  found = 0n
  readonly findings = new Findings()
}

const TEXT_MAX = 60

/**
 * Counts both sides and compares sums of the rows' hashes over all columns, whatever their order; only where these
 * differ the rows themselves are put side by side.
 */
export async function compareRows(session: Session, comparison: Comparison, tally: Tally): Promise<void> {
  const expected = await digestOf(session, comparison.expected, comparison.columns)
  const found = await digestOf(session, comparison.found, comparison.columns)
  tally.expected += expected.count
  tally.found += found.count
  if (expected.digest === found.digest) return
  const earlier = await asEarlierVersions(session, comparison)
  if (earlier) {
    const [e, f] = [
      await digestOf(session, earlier.expected, comparison.columns),
      await digestOf(session, earlier.found, comparison.columns),
    ]
    if (e.digest === f.digest) return
  }
  await findDifferences(session, earlier ?? comparison, tally.findings)
}

/**
 * The comparison for a table with rows of a version that did not have all columns yet; undefined where it has none. Such
 * a row lacks a later column that always has a value, and may lack the other later ones.
 */
async function asEarlierVersions(session: Session, comparison: Comparison): Promise<Comparison | undefined> {
  const { columns, coordinates, kept = 'found' } = comparison
  const isLater = ({ facts }: ColumnDefinition): boolean => facts?.since !== undefined
  const later = columns.every(isLater) ? [] : columns.filter(isLater)
  const always = later.filter(({ facts }) => facts?.nullWhen === undefined)
  if (always.length === 0) return undefined
  const place = [coordinates.topic, coordinates.partition, coordinates.offset].map(quoteIdentifier).join(', ')
  const lacks = (name: string): string => quoteIdentifier(`lacks_${name}`)
  const rows = await session.createTable(
    'compare_earlier',
    `SELECT DISTINCT ${place}, ${later.map(({ name }) => `${quoteIdentifier(name)} IS NULL AS ${lacks(name)}`).join(', ')}
     FROM (${comparison[kept]}) WHERE ${always.map(({ name }) => `${quoteIdentifier(name)} IS NULL`).join(' OR ')}`,
  )
  const [counted] = await session.rows(`SELECT count(*) AS n FROM ${rows.name}`)
  if (counted?.n === 0n) return undefined
  const replaced = later.map(({ name }) => {
    const column = quoteIdentifier(name)
    return `CASE WHEN o.${lacks(name)} THEN NULL ELSE r.${column} END AS ${column}`
  })
  const other = kept === 'found' ? 'expected' : 'found'
  const sql = `SELECT r.* REPLACE (${replaced.join(', ')}) FROM (${comparison[other]}) r LEFT JOIN ${rows.name} o USING (${place})`
  return { ...comparison, [other]: sql }
}

/** Rows and an order-independent digest of a query's columns. */
async function digestOf(
  session: Session,
  sql: string,
  columns: readonly ColumnDefinition[],
): Promise<{ readonly count: bigint; readonly digest: string }> {
  const list = columns.map(({ name, type }) => `CAST(${quoteIdentifier(name)} AS ${sqlType(type)})`).join(', ')
  const [row] = await session.rows(
    `SELECT count(*) AS n, sum(h) AS a, sum(hash(h, 1)) AS b FROM (SELECT hash(${list}) AS h FROM (${sql}))`,
  )
  return { count: row?.n as bigint, digest: `${row?.n}/${row?.a}/${row?.b}` }
}

async function findDifferences(session: Session, comparison: Comparison, findings: Findings): Promise<void> {
  const { topic, partition, offset } = comparison.coordinates
  const coordinates = [topic, partition, offset].map(quoteIdentifier)
  const at = `${coordinates[0]} || '/' || ${coordinates[1]} || '/' || ${coordinates[2]}`
  const { name: expected } = await session.createTable('verify_expected', `SELECT * FROM (${comparison.expected})`)
  const { name: found } = await session.createTable('verify_found', `SELECT * FROM (${comparison.found})`)
  const using = `USING (${coordinates.join(', ')})`
  const kinds = [
    [`SELECT ${at} AS coordinates FROM ${expected} ANTI JOIN ${found} ${using}`, comparison.missing],
    [`SELECT ${at} AS coordinates FROM ${found} ANTI JOIN ${expected} ${using}`, comparison.extra],
    [
      `SELECT ${at} AS coordinates FROM ${found} GROUP BY ${coordinates.join(', ')} HAVING count(*) > 1`,
      'is there more than once',
    ],
    [
      `SELECT ${at} AS coordinates FROM ${expected} GROUP BY ${coordinates.join(', ')} HAVING count(*) > 1`,
      'is there more than once upstream',
    ],
  ] as const
  for (const [sql, text] of kinds) {
    await addListed(session, `SELECT coordinates || ${quoteText(` ${text}`)} AS text FROM (${sql})`, findings)
  }
  const differing = comparison.columns.map(({ name, type }) => differenceSql(quoteIdentifier(name), name, type))
  const same = coordinates.map((column) => `e.${column} = f.${column}`).join(' AND ')
  const each = `SELECT e.${coordinates[0]} || '/' || e.${coordinates[1]} || '/' || e.${coordinates[2]} || ': '
    || array_to_string(list_filter([${differing.join(', ')}], x -> x IS NOT NULL), ', ') AS text
    FROM ${expected} e JOIN ${found} f ON ${same}`
  await addListed(session, `SELECT text FROM (${each}) WHERE NOT ends_with(text, ': ')`, findings)
  await session.run(`DROP TABLE ${expected}; DROP TABLE ${found}`)
}

/** SQL text that says how a column differs between `e` and `f`, NULL where it doesn't. */
function differenceSql(column: string, name: string, type: ColumnDefinition['type']): string {
  const shown = (side: string): string => {
    const value = `${side}.${column}`
    if (type === 'binary') return `coalesce(octet_length(${value}) || ' bytes of md5 ' || md5(${value}), 'NULL')`
    return `coalesce(left(${value}::VARCHAR, ${TEXT_MAX}), 'NULL')`
  }
  return `CASE WHEN e.${column} IS DISTINCT FROM f.${column}
    THEN ${quoteText(`${name} is `)} || ${shown('f')} || ', not ' || ${shown('e')} END`
}

/** Counts the rows of a query with a column `text`, and lists the first in order. */
export async function addListed(session: Session, sql: string, findings: Findings): Promise<void> {
  const rows = await session.rows(`SELECT text, count(*) OVER () AS n FROM (${sql}) ORDER BY text LIMIT ${LISTED_MAX}`)
  findings.addCounted(
    (rows[0]?.n as bigint | undefined) ?? 0n,
    rows.map(({ text }) => String(text)),
  )
}
