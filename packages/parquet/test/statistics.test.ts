import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Engine, openEngine } from '@assay/engine'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ColumnField } from '../src/format/schema.js'
import { generatedTable, type Named } from './generated-tables.js'
import { metadataOf, valuesOf, written } from './read-back.js'

const TABLES = 8
const folder = mkdtempSync(path.join(tmpdir(), 'parquet-'))
let engine: Engine

beforeAll(async () => {
  engine = await openEngine({ memoryLimit_bytes: 1 << 28, threads: 1, tempDirectory: path.join(folder, 'spill') })
})

afterAll(async () => {
  await engine.close()
  rmSync(folder, { recursive: true, force: true })
})

/** The least and the greatest of the values, of types that have them; long texts are no bounds. */
function boundsOf({ type }: ColumnField, values: readonly Named[]): object {
  const found = values.filter((value): value is string => typeof value === 'string')
  if (found.length === 0 || ['DOUBLE', 'BLOB', 'UUID', 'LIST'].includes(type as string)) return {}
  if (type === 'BOOLEAN') return { min: !found.includes('false'), max: found.includes('true') }
  if (type === 'VARCHAR') {
    const [min = '', max = ''] = [1, -1].map((sign) => found.reduce((a, b) => (compareTexts(a, b) * sign <= 0 ? a : b)))
    const low = Buffer.byteLength(min) <= 240 ? min : [...min].slice(0, 60).join('')
    return Buffer.byteLength(max) <= 240 ? { min: low, max } : { min: low }
  }
  const numbers = found.map(BigInt)
  return { min: numbers.reduce((a, b) => (a < b ? a : b)), max: numbers.reduce((a, b) => (a > b ? a : b)) }
}

function compareTexts(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

it('bounds and counts of nulls are exact, for the file and for each row group', async () => {
  for (let seed = 1; seed <= TABLES; seed++) {
    const table = generatedTable(seed)
    const file = await written(table)
    const { row_groups: groups } = metadataOf(file)
    table.fields.forEach((field, i) => {
      const values = table.values[i] ?? []
      const column = file.columns[i]
      const { size_bytes, values: count, nulls, id, ...bounds } = column ?? {}
      expect(bounds, `seed ${seed}, ${field.name}`).toEqual(boundsOf(field, values))
      expect(id).toBe(field.elementId ?? field.id)
      let from = 0
      for (const { columns, num_rows } of groups) {
        const own = values.slice(from, from + Number(num_rows))
        from += Number(num_rows)
        const { statistics } = columns[i]?.meta_data ?? {}
        expect(statistics?.min_value === undefined, 'both or none').toBe(statistics?.max_value === undefined)
        if (field.type === 'LIST') continue
        expect(statistics?.null_count, `seed ${seed}, ${field.name}`).toBe(BigInt(own.filter((v) => v === null).length))
        const wanted = boundsOf(field, own) as { readonly min?: unknown; readonly max?: unknown }
        const min = wanted.min === undefined ? undefined : Number(wanted.min)
        if (field.type === 'INTEGER') expect(statistics?.min_value).toBe(min)
        if (field.type === 'BIGINT') expect(statistics?.max_value).toBe(wanted.max)
      }
    })
  }
})

it('counts of values and nulls are those that the engine tells of a file with the same rows, and so are its bounds', async () => {
  const session = await engine.session()
  const types = (type: ColumnField['type']): string =>
    typeof type === 'object' ? `DECIMAL(${type.decimal.precision},${type.decimal.scale})` : type
  for (let seed = 1; seed <= 5; seed++) {
    const table = generatedTable(seed)
    const file = await written(table)
    if (file.rows === 0) continue
    const own = path.join(folder, `${seed}.parquet`)
    writeFileSync(own, file.bytes)
    const byEngine = await session.writeParquet({
      select: `SELECT * FROM read_parquet('${own}')`,
      path: path.join(folder, `${seed}-engine.parquet`),
      fields: table.fields.map(({ name, id, type, elementId }) => ({
        name,
        id,
        type: types(type),
        ...(elementId !== undefined && { children: [{ name: 'element', id: elementId, type: 'VARCHAR' }] }),
      })),
    })
    byEngine.columns.forEach((column, i) => {
      const { values, nulls, min, max } = file.columns[i] ?? {}
      const where = `seed ${seed}, ${types(table.fields[i]?.type ?? 'BLOB')}`
      expect({ values, nulls }, where).toEqual({ values: column.values, nulls: column.nulls })
      if (column.max !== undefined) expect({ min, max }, where).toEqual({ min: column.min, max: column.max })
    })
    const decimals = table.fields.flatMap(({ type }, i) => (typeof type === 'object' ? [i] : []))
    const list = decimals.map((i) => `c${i}::VARCHAR AS c${i}`)
    const rows = await session.rows(`SELECT ${list.join(', ')} FROM read_parquet('${own}')`)
    for (const i of decimals) {
      const found = rows.map((row) => row[`c${i}`]).map((text) => text && String(BigInt(String(text).replace('.', ''))))
      expect(found, `seed ${seed}, c${i}`).toEqual(table.values[i])
    }
  }
})

it('S3: numbers of a narrower column keep their sign in a wider field', async () => {
  const fields: ColumnField[] = [{ name: 'c', id: 1, type: 'BIGINT' }]
  const columns = new Map([['c', { type: 'INTEGER' as const, data: Int32Array.of(-1, -(2 ** 31), 7, 2 ** 31 - 1) }]])
  const file = await written({ fields, parts: [{ columns, rows: Uint32Array.of(0, 1, 2, 3) }] })
  expect(await valuesOf(file, fields)).toEqual([['-1', '-2147483648', '7', '2147483647']])
  expect(file.columns[0]).toMatchObject({ min: -(2n ** 31n), max: 2n ** 31n - 1n })
})
