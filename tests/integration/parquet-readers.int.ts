import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasPython, pythonWith } from '../../packages/iceberg/test/python-readers.js'
import { generatedTable, probesOf } from '../../packages/parquet/test/generated-tables.js'
import { valuesOf, written } from '../../packages/parquet/test/read-back.js'
import { sparkParts } from './foreign-spark.js'
import { READERS } from './support/reader-packages.js'

const run = promisify(execFile)
/**
 * More by hand, and then with Spark, too, which takes minutes:
 * `ASSAY_TEST_TABLES=300 npx vitest run --config vitest.integration.config.ts tests/integration/parquet-readers.int.ts`.
 */
const BY_HAND = process.env.ASSAY_TEST_TABLES
const TABLES = Number(BY_HAND ?? 16)
const LIMIT_MS = 200_000 + TABLES * 4_000
const script = fileURLToPath(new URL('read_parquet_files.py', import.meta.url))
const spark = BY_HAND === undefined ? undefined : await sparkParts({ s3: false })

describe.skipIf(!hasPython())('what our encoder writes is read, and filtered at its bounds, by', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'parquet-readers-'))
  let python: string
  let values = 0

  beforeAll(async () => {
    python = await pythonWith(READERS)
    for (let seed = 1; seed <= TABLES; seed++) {
      const table = generatedTable(seed)
      const file = await written(table)
      const fields = table.fields.map((field, i) => ({
        name: field.name,
        type: typeof field.type === 'object' ? 'DECIMAL' : field.type,
        values: table.values[i],
        probes: probesOf(field, table.values[i] ?? []),
      }))
      writeFileSync(path.join(folder, `${seed}.parquet`), file.bytes)
      writeFileSync(path.join(folder, `${seed}.json`), JSON.stringify(fields))
      values += file.rows * fields.length
      // hyparquet hands decimals over as numbers, which can't hold them.
      const exact = table.fields.map(({ type }) => typeof type !== 'object')
      const found = await valuesOf(file, table.fields)
      expect(found.filter((_, i) => exact[i])).toEqual(table.values.filter((_, i) => exact[i]))
    }
  }, LIMIT_MS)

  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const read = async (
    program: string,
    reader: string,
    env: NodeJS.ProcessEnv = {},
  ): Promise<Record<string, number>> => {
    const { stdout } = await run(program, [script, reader, folder], {
      env: { ...process.env, ...env },
      timeout: LIMIT_MS,
    })
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '')
  }

  it.each(['pyarrow', 'polars', 'duckdb', 'daft'])(
    '%s: every type, null pattern, extreme value and shape of a list',
    async (reader) => {
      const found = await read(python, reader)
      expect(found).toMatchObject({ files: TABLES, values })
      expect(found.filters).toBeGreaterThan(TABLES)
    },
    LIMIT_MS,
  )

  it.skipIf(!spark)(
    'parquet-java, by way of Spark: the same but for UUID, which Spark itself refuses',
    async () => {
      const java = spark && path.isAbsolute(spark.java) ? { JAVA_HOME: path.dirname(path.dirname(spark.java)) } : {}
      const found = await read(spark?.python ?? '', 'spark', java)
      expect(found.files).toBe(TABLES)
      expect(found.values).toBeGreaterThan(values / 3)
      expect(found.filters).toBeGreaterThan(5)
    },
    LIMIT_MS,
  )
})
