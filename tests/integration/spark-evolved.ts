import { seededRandom, systemClock } from '@assay/core'
import { quoteIdentifier, type Session } from '@assay/engine'
import { commit, type FileSystemCatalog } from '@assay/iceberg'
import type { Lake } from '@assay/lake'
import { bronzeTable, DLQ_TABLE, GOLD_TABLE, silverTable } from '@assay/medallion'
import { CommitSignals, compactSmallFiles, LakeTable, scanSql, type TableDefinition } from '@assay/pipeline'
import { expect } from 'vitest'
import { withOneMore } from '../support/earlier-lake.js'
import { compareTableWithSpark, type Spark } from './foreign-spark.js'

const CATALOG = 'earlier'
/** Tables to which Spark adds columns of its own. */
const TOUCHED = [bronzeTable('binance'), GOLD_TABLE].map(({ name }) => name)
/** Tables to which a later version adds its own: these, and one of each other kind. */
const LATER = [...TOUCHED, silverTable('binance').name, DLQ_TABLE.name]
/** A partition field that a later version adds below those of this version's gold. */
const FINER = new Map([[GOLD_TABLE.name, ['symbol']]])
const FOREIGN = `note STRING, n INT, at STRUCT<x: INT, inner: STRUCT<y: STRING>>, parts ARRAY<STRUCT<p: INT>>,
  by MAP<STRING, STRUCT<v: INT>>`
const VALUES = `note = 'über', n = 5, at = named_struct('x', 1, 'inner', named_struct('y', 'why')),
  parts = array(named_struct('p', 1), NULL), by = map('k', named_struct('v', 5))`
const COMPACTION = { smallFilesMax: 1, small_bytes: 2 ** 30, task_bytes: 2 ** 30, taskFiles: 99, taskRows: 10 ** 6 }

const nameOf = (table: string): string => `${CATALOG}.market_data.${table}`

/** Lets the running Spark see the tables of another folder. */
export async function showEarlier(spark: Spark, warehouse: string): Promise<void> {
  const settings = { '': 'org.apache.iceberg.spark.SparkCatalog', type: 'hadoop', warehouse, 'cache-enabled': 'false' }
  for (const [key, value] of Object.entries(settings)) {
    await spark.sql(`SET \`spark.sql.catalog.${CATALOG}${key && `.${key}`}\`=\`${value}\``)
  }
}

/** Spark adds columns to tables and gives some rows values of them, while Assay is paused. */
export async function addColumnsBySpark(lake: Lake, spark: Spark): Promise<void> {
  await whilePaused(lake, async () => {
    for (const table of TOUCHED) {
      await spark.sql(`ALTER TABLE ${nameOf(table)} ADD COLUMNS (${FOREIGN})`)
      await spark.sql(`UPDATE ${nameOf(table)} SET ${VALUES} WHERE \`offset\` % 5 = 0`)
    }
  })
}

/** Spark changes what it added, and how tables are partitioned for its own files. */
export async function evolveBySpark(lake: Lake, spark: Spark): Promise<void> {
  await whilePaused(lake, async () => {
    for (const table of TOUCHED) {
      await spark.sql(`ALTER TABLE ${nameOf(table)} ALTER COLUMN n TYPE BIGINT`)
      await spark.sql(`ALTER TABLE ${nameOf(table)} RENAME COLUMN at.inner.y TO z`)
      await spark.sql(`ALTER TABLE ${nameOf(table)} ADD PARTITION FIELD bucket(2, \`offset\`)`)
      await spark.sql(`UPDATE ${nameOf(table)} SET n = 5000000000 + \`offset\` WHERE \`offset\` % 5 = 1`)
    }
  })
}

async function whilePaused(lake: Lake, work: () => Promise<void>): Promise<void> {
  const catalog = lake.catalog as FileSystemCatalog
  await catalog.pause('Spark is at it')
  try {
    await work()
  } finally {
    await catalog.resume()
  }
}

/** What a later version of Assay has open: tables with a column more, and finer partitions of gold. */
export async function openLater({ catalog, store, definitions }: Lake): Promise<readonly LakeTable[]> {
  const parts = { catalog, store, clock: systemClock, random: seededRandom(8), signals: new CommitSignals() }
  const tables: LakeTable[] = []
  for (const definition of definitions.filter(({ name }) => LATER.includes(name))) {
    const later = withOneMore(definition, FINER.get(definition.name))
    tables.push(await LakeTable.open(later, { ...parts, olderVersions_ms: 0 }))
  }
  return tables
}

/** Adds the columns and writes a row with values of them: some row that is there, in a place of its own. */
export async function writeLater(session: Session, table: LakeTable): Promise<void> {
  const { definition } = table
  const files = await table.files(await table.pin())
  const values = ({ name }: TableDefinition['columns'][number]): string => {
    if (name === 'one_more') return `['x', NULL, 'ü']`
    return name === 'offset' ? `"offset" + 1000000` : quoteIdentifier(name)
  }
  const columns = definition.columns.map((column) => `${values(column)} AS ${quoteIdentifier(column.name)}`)
  const rows = `SELECT ${columns.join(', ')}
    FROM (SELECT * FROM (${scanSql(definition, files)}) ORDER BY ALL LIMIT 1)`
  const keys = definition.columns.filter(({ name }) => definition.partitionBy.includes(name))
  const place = keys.map(
    ({ name, type }) => `${quoteIdentifier(name)}${type === 'date' ? '::VARCHAR' : ''} AS ${quoteIdentifier(name)}`,
  )
  const [first = {}] = await session.rows(`SELECT ${[...place, '1 AS one'].join(', ')} FROM (${rows})`)
  const file = await table.write(session, rows, first as Parameters<LakeTable['write']>[2])
  if (!file) return
  await commit(table.table, { prepare: () => ({ kind: 'proceed', change: { operation: 'append', addFiles: [file] } }) })
}

/** A4: Spark, PyIceberg and ours find the same in these tables; what Spark finds in its own columns, by table. */
export async function compareEvolved(
  tables: readonly LakeTable[],
  session: Session,
  spark: Spark,
): Promise<Readonly<Record<string, unknown>>> {
  const foreign: Record<string, unknown> = {}
  for (const table of tables) {
    const { definition } = table
    const name = quoteIdentifier(definition.name)
    const pinned = await table.pin()
    await session.run(`CREATE OR REPLACE TEMP TABLE ${name} AS ${scanSql(definition, await table.files(pinned))}`)
    const count = await compareTableWithSpark(definition, spark, (sql) => session.rows(sql), CATALOG)
    const exact = definition.columns.filter(({ type }) => type === 'long' || type.startsWith('decimal'))
    const sums = exact.map(
      (column) => `sum(${quoteIdentifier(column.name)})::VARCHAR AS ${quoteIdentifier(column.name)}`,
    )
    const [own] = await session.rows(`SELECT ${['count(*)::VARCHAR AS "n rows"', ...sums].join(', ')} FROM ${name}`)
    const names = exact.map((column) => column.name)
    expect(await spark.pyiceberg(pinned.version.metadataLocation, names)).toEqual([Object.values(own ?? {})])
    if (!TOUCHED.includes(definition.name)) continue
    expect(count).toBeGreaterThan(100)
    foreign[definition.name] = await spark.sql(
      `SELECT n, count(*), sum(\`offset\`), min(to_json(struct(note, at.x, at.inner, parts, by))),
       max(to_json(struct(note, at.x, at.inner, parts, by))) FROM ${nameOf(definition.name)} GROUP BY n ORDER BY n`,
    )
  }
  return foreign
}

/** How many partition specs gold's files were written for, as Spark sees it. */
export async function specsOfGold(spark: Spark): Promise<number> {
  const [row] = await spark.sql(`SELECT count(DISTINCT spec_id) FROM ${nameOf(GOLD_TABLE.name)}.files`)
  return Number(row?.[0])
}

/** Compacts every table; returns how many compactions there were. */
export async function compactAll(tables: readonly LakeTable[], session: Session): Promise<number> {
  let compactions = 0
  for (const table of tables) compactions += await compactSmallFiles(table, session, COMPACTION)
  return compactions
}
