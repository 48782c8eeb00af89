import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { quoteIdentifier } from '@assay/engine'
import type { Lake } from '@assay/lake'
import type { TableDefinition } from '@assay/pipeline'
import { expect } from 'vitest'
import { pythonWith } from '../../packages/iceberg/test/python-readers.js'
import { installOnce, run } from '../../scripts/real-parts-lib/cache.mjs'
import { CannotBeHad, hasMaven, hasPython, javaOf } from '../../scripts/real-parts-lib/machine.mjs'
import { type Tables, withTables } from '../support/tables.js'

const ICEBERG = '1.12.0'
const RUNTIME = 'iceberg-spark-runtime-3.5_2.12'
const AWS = 'iceberg-aws-bundle'
const PACKAGES = ['pyspark==3.5.7', 'pyiceberg[pyarrow]==0.12.0']
const SPARK_JARS = "import os, pyspark; print(os.path.join(os.path.dirname(pyspark.__file__), 'jars'))"
const EXTENSIONS = 'org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions'
const catalogSource = fileURLToPath(new URL('ForeignRestCatalog.java', import.meta.url))
const script = fileURLToPath(new URL('foreign_spark.py', import.meta.url))

type Rows = readonly (readonly (string | null)[])[]

export interface SparkParts {
  readonly python: string
  readonly jars: readonly string[]
  readonly java: string
}

function icebergJar(name: string): Promise<string> {
  return installOnce(`${name}-${ICEBERG}`, async (into) => {
    if (!hasMaven()) throw new CannotBeHad('Maven (mvn) is missing')
    const artifact = `org.apache.iceberg:${name}:${ICEBERG}`
    await run('mvn', ['-q', '-B', 'dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${into}`])
  }).then((folder) => path.join(folder, `${name}-${ICEBERG}.jar`))
}

/**
 * What Spark needs (with `s3`, to read object stores), installed if need be; undefined, with a loud line, when this
 * machine cannot have it.
 */
export async function sparkParts(options: { readonly s3?: boolean } = {}): Promise<SparkParts | undefined> {
  try {
    const java = javaOf(17)
    if (!hasPython()) throw new CannotBeHad('Python 3 with venv is missing')
    const jars = [await icebergJar(RUNTIME), ...(options.s3 === true ? [await icebergJar(AWS)] : [])]
    return { python: await pythonWith(PACKAGES), jars, java }
  } catch (error) {
    if (!(error instanceof CannotBeHad)) throw error
    process.stderr.write(`SKIPPED: tests with a real Spark do NOT run here: ${error.message}\n`)
    return undefined
  }
}

/** A Spark session in a process of its own, with a catalog named `lake`. */
export class Spark {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #answers: AsyncIterator<string>
  readonly #folder: string
  #said = ''
  #last: Promise<unknown> = Promise.resolve()

  /** `catalog`: settings of the catalog, without the `spark.sql.catalog.lake.` before each. */
  constructor({ python, jars, java }: SparkParts, catalog: Readonly<Record<string, string>>) {
    this.#folder = mkdtempSync(path.join(tmpdir(), 'spark-'))
    const settings = {
      'spark.jars': jars.join(','),
      'spark.ui.enabled': 'false',
      'spark.driver.bindAddress': '127.0.0.1',
      'spark.driver.host': '127.0.0.1',
      'spark.sql.session.timeZone': 'UTC',
      'spark.sql.shuffle.partitions': '2',
      // Compiling queries takes longer than running them on tables as small as these.
      'spark.sql.codegen.wholeStage': 'false',
      'spark.sql.codegen.factoryMode': 'NO_CODEGEN',
      'spark.sql.adaptive.enabled': 'false',
      'spark.sql.warehouse.dir': this.#folder,
      'spark.local.dir': this.#folder,
      'spark.sql.extensions': EXTENSIONS,
      'spark.sql.catalog.lake': 'org.apache.iceberg.spark.SparkCatalog',
      'spark.sql.catalog.lake.cache-enabled': 'false',
      ...Object.fromEntries(Object.entries(catalog).map(([key, value]) => [`spark.sql.catalog.lake.${key}`, value])),
    }
    this.#child = spawn(python, [script, JSON.stringify(settings)], {
      cwd: this.#folder,
      env: {
        ...process.env,
        ...(path.isAbsolute(java) && { JAVA_HOME: path.dirname(path.dirname(java)) }),
        PYSPARK_PYTHON: python,
        AWS_REGION: 'us-east-1',
      },
    })
    this.#child.stderr.setEncoding('utf8').on('data', (part: string) => {
      this.#said = (this.#said + part).slice(-4_000)
    })
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  /** Rows of one statement, every value a text. */
  sql(text: string): Promise<Rows> {
    return this.#ask({ sql: text })
  }

  /** Count and sums by PyIceberg: of a metadata file, or of a table by its name in the REST catalog at `uri`. */
  pyiceberg(location: string, sums: readonly string[], uri?: string): Promise<Rows> {
    return this.#ask({ pyiceberg: location, sums, ...(uri !== undefined && { uri }) })
  }

  /** PyIceberg appends a row to a branch of a table of the REST catalog at `uri`. */
  appendToBranch(table: string, branch: string, uri: string): Promise<Rows> {
    return this.#ask({ branch, table, uri })
  }

  equalityDelete(table: string, column: string, partition: string): Promise<Rows> {
    return this.#ask({ equality_delete: table, column, partition })
  }

  /** Sends a request to Spark, one at a time. */
  #ask(request: unknown): Promise<Rows> {
    const answer = this.#last.then(async () => {
      this.#child.stdin.write(`${JSON.stringify(request)}\n`)
      const { value, done } = await this.#answers.next()
      if (done) throw new Error(`Spark ended: ${this.#said}`)
      const { rows, error } = JSON.parse(value) as { rows?: Rows; error?: string }
      if (!rows) throw new Error(error)
      return rows
    })
    this.#last = answer.catch(() => undefined)
    return answer
  }

  async close(): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.stdin.end()
      await once(this.#child, 'exit')
    }
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

export interface ForeignCatalog {
  readonly uri: string
  stop(): Promise<void>
}

/** Iceberg's own REST request handlers over tables in a folder; what it knows is gone when it stops. */
export async function startForeignCatalog(
  { python, jars, java }: SparkParts,
  warehouse: string,
): Promise<ForeignCatalog> {
  const { stdout: spark } = spawnSync(python, ['-c', SPARK_JARS], { encoding: 'utf8' })
  const classPath = [...jars, `${spark.trim()}/*`].join(path.delimiter)
  const child = spawn(java, ['-Xmx512m', '-cp', classPath, catalogSource, warehouse], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const { value: port, done } = await lines.next()
  if (done) throw new Error('the REST catalog did not start')
  return {
    uri: `http://127.0.0.1:${port}`,
    stop: async () => {
      child.kill()
      await exited
    },
  }
}

/** A figure of a column that is the same whatever the order of rows: what Spark and DuckDB call it. */
function figure({ name, type }: TableDefinition['columns'][number]): { readonly spark: string; readonly duck: string } {
  const [s, d] = [`\`${name}\``, quoteIdentifier(name)]
  const hashed = (spark: string, duck: string) => ({
    spark: `sum(cast(conv(substr(md5(${spark}), 1, 8), 16, 10) AS decimal(20)))`,
    duck: `sum(('0x' || substr(md5(${duck}), 1, 8))::BIGINT)`,
  })
  switch (type) {
    case 'int':
    case 'long':
      return { spark: `sum(cast(${s} AS decimal(20)))`, duck: `sum(${d})` }
    case 'decimal(28, 10)':
    case 'decimal(38, 10)':
    case 'decimal(38, 20)':
      return { spark: `sum(${s})`, duck: `sum(${d})` }
    case 'boolean':
      return { spark: `sum(cast(${s} AS int))`, duck: `sum(${d}::INT)` }
    case 'date':
      return { spark: `sum(unix_date(${s}))`, duck: `sum(${d} - DATE '1970-01-01')` }
    case 'timestamptz':
      return { spark: `sum(cast(unix_micros(${s}) AS decimal(20)))`, duck: `sum(epoch_us(${d}))` }
    case 'binary':
    case 'string':
      return hashed(s, d)
    case 'uuid':
      return hashed(s, `${d}::VARCHAR`)
    case 'list<string>':
      return hashed(`array_join(${s}, '|', '-')`, joined(d))
  }
}

/** SQL that joins the texts of a list; joining nothing gives an empty text in Spark. */
function joined(list: string): string {
  const elements = `list_transform(${list}, x -> coalesce(x, '-'))`
  return `coalesce(list_aggregate(${elements}, 'string_agg', '|'), CASE WHEN len(${list}) = 0 THEN '' END)`
}

/** What Spark calls a column's type. */
function sparkType(type: TableDefinition['columns'][number]['type']): string {
  const others: Partial<Record<typeof type, string>> = {
    'decimal(28, 10)': 'decimal(28,10)',
    'decimal(38, 10)': 'decimal(38,10)',
    'decimal(38, 20)': 'decimal(38,20)',
    'list<string>': 'array<string>',
    long: 'bigint',
    timestamptz: 'timestamp',
    uuid: 'string',
  }
  return others[type] ?? type
}

/**
 * A4: Spark finds in a table the columns and types of its definition, the rows, and in every column the content, that
 * `rows` finds.
 */
export async function compareTableWithSpark(
  { name, columns }: TableDefinition,
  spark: Spark,
  rows: Tables['rows'],
  catalog = 'lake',
): Promise<number> {
  const described = await spark.sql(`DESCRIBE TABLE ${catalog}.market_data.${name}`)
  // Partition columns come again below, under their names.
  const types = new Map([...described].reverse().map(([key, type]) => [key, type]))
  expect(columns.map((column) => [name, column.name, types.get(column.name)])).toEqual(
    columns.map((column) => [name, column.name, sparkType(column.type)]),
  )
  const figures = columns.map(figure)
  const duck = figures.map((one, i) => `(${one.duck})::VARCHAR AS c${i}`)
  const [own] = await rows(`SELECT count(*)::VARCHAR AS n, ${duck.join(', ')} FROM ${quoteIdentifier(name)}`)
  const theirs = figures.map((one) => one.spark)
  const [found] = await spark.sql(`SELECT count(*), ${theirs.join(', ')} FROM ${catalog}.market_data.${name}`)
  const names = ['rows', ...columns.map((column) => column.name)]
  const named = (values: readonly unknown[] = []) => Object.fromEntries(names.map((key, i) => [key, values[i]]))
  expect({ table: name, ...named(found) }).toEqual({ table: name, ...named(Object.values(own ?? {})) })
  return Number(found?.[0])
}

/** A4: the same of every table of the lake; the number of rows of each. */
export async function compareWithSpark(lake: Lake, spark: Spark): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {}
  await withTables(lake, async ({ rows }) => {
    for (const definition of lake.definitions)
      counts[definition.name] = await compareTableWithSpark(definition, spark, rows)
  })
  return counts
}

/** A4: PyIceberg finds the rows, and the sums of exact numbers, that our own SQL finds. */
export async function compareWithPyIceberg(
  lake: Lake,
  spark: Spark,
  tables: readonly string[],
  uri?: string,
): Promise<void> {
  for (const definition of lake.definitions.filter(({ name }) => tables.includes(name))) {
    const { version } = await (await lake.table(definition)).pin()
    const exact = definition.columns.filter(({ type }) => type === 'long' || type.startsWith('decimal'))
    const sums = exact.map(({ name }) => name)
    const own = await withTables(
      lake,
      ({ rows }) => {
        const columns = sums.map((name, i) => `sum(${quoteIdentifier(name)})::VARCHAR AS c${i}`)
        return rows(
          `SELECT ${['count(*)::VARCHAR AS n', ...columns].join(', ')} FROM ${quoteIdentifier(definition.name)}`,
        )
      },
      (name) => name === definition.name,
    )
    const location = uri === undefined ? version.metadataLocation : `market_data.${definition.name}`
    expect(await spark.pyiceberg(location, sums, uri)).toEqual([Object.values(own[0] ?? {})])
  }
}
