import { seededRandom, systemClock } from '@assay/core'
import { commit, currentSchema, type NestedField } from '@assay/iceberg'
import { CommitSignals, compactSmallFiles, defineColumns, LakeTable, type TableDefinition } from '@assay/pipeline'
import { describe, expect, it } from 'vitest'
import { hasPython, pythonWith, READER_PACKAGES, runPython } from '../../packages/iceberg/test/python-readers.js'
import { diskLake, temporaryFolder } from '../support/disk-lake.js'
import { addColumns, appendForeign, changeColumns, listOf, mapOf, struct } from '../support/foreign-columns.js'

const THINGS: TableDefinition = {
  name: 'things',
  columns: defineColumns([
    ['topic', 'string'],
    ['partition', 'int'],
    ['offset', 'long'],
    ['day', 'date'],
  ]),
  partitionBy: ['day'],
  orderBy: ['topic', 'partition', 'offset'],
}
const GROWN = {
  ...THINGS,
  columns: defineColumns([...THINGS.columns.map(({ name, type }) => [name, type] as const), ['venue', 'string']]),
}
const DAY = Date.UTC(2026, 0, 1) / 86_400_000

const SCRIPT = `
import json, sys
from pyiceberg.table import StaticTable
table = StaticTable.from_metadata(sys.argv[1])
from pyarrow import parquet
# PyIceberg makes empty lists and maps of null ones when what is in them has to be projected; pyarrow tells them apart.
nulls = sum(parquet.read_table(task.file.file_path.removeprefix("file://")).column("parts").null_count
            for task in table.scan().plan_files() if "parts" in parquet.read_schema(task.file.file_path.removeprefix("file://")).names)
rows = sorted(table.scan().to_arrow().to_pylist(), key=lambda row: row["offset"])
chosen = table.scan(row_filter="n > 4").to_arrow().num_rows
for row in rows:
    row["parts"], row["by"] = row["parts"] or None, row["by"] or None
print(json.dumps({"rows": rows, "nulls": nulls, "chosen": chosen, "files": len(list(table.scan().plan_files()))}, default=str))
`

describe.skipIf(!hasPython())('evolved tables, read by PyIceberg', () => {
  it('A4: A10: T25: have the same rows before and after a compaction, foreign columns and added ones included', async () => {
    const python = await pythonWith(READER_PACKAGES)
    const lake = await diskLake(temporaryFolder(), 3)
    const { catalog, store } = lake
    const parts = { catalog, store, clock: systemClock, random: seededRandom(4), signals: new CommitSignals() }
    const session = await (await lake.engine()).session()
    const put = async (table: LakeTable, offset: number, more = ''): Promise<void> => {
      const row = `SELECT 't' AS topic, 0::INTEGER AS "partition", ${offset}::BIGINT AS "offset", DATE '2026-01-01' AS day${more}`
      const file = await table.write(session, row, { day: '2026-01-01' })
      const addFiles = file ? [file] : []
      await commit(table.table, { prepare: () => ({ kind: 'proceed', change: { operation: 'append', addFiles } }) })
    }
    const table = await LakeTable.open(THINGS, parts)
    for (let n = 0; n < 4; n++) await put(table, n)
    await addColumns(table, [
      { name: 'note', type: 'string' },
      { name: 'n', type: 'int' },
      { name: 'at', type: struct(['x', 'int'], ['inner', struct(['y', 'string'])]) },
      { name: 'parts', type: listOf(struct(['p', 'int'])) },
      { name: 'by', type: mapOf('string', struct(['v', 'int'])) },
    ])
    const names = ['topic', 'partition', 'offset', 'day', 'note', 'n', 'at', 'parts', 'by']
    const select = `SELECT 't' AS topic, 0::INTEGER AS "partition", 4::BIGINT AS "offset", DATE '2026-01-01' AS day,
      'über' AS note, 5::INTEGER AS n, {'x': 1, 'inner': {'y': 'why'}} AS "at", [{'p': 1}, NULL] AS parts,
      map {'k': {'v': 5}} AS "by"`
    await appendForeign(lake, table, select, names, { specId: 0, partition: [DAY] })
    await changeColumns(table, (fields) =>
      fields.map((field): NestedField => {
        if (field.name === 'n') return { ...field, type: 'long' }
        if (field.name !== 'at' || typeof field.type === 'string' || field.type.kind !== 'struct') return field
        return {
          ...field,
          type: { ...field.type, fields: field.type.fields.map((one) => ({ ...one, name: `${one.name}2` })) },
        }
      }),
    )
    const later = await LakeTable.open(GROWN, parts)
    for (let n = 5; n < 9; n++) await put(later, n, `, 'v${n}' AS venue`)
    const read = async () => runPython(python, SCRIPT, [(await table.table.load()).metadataLocation])
    const before = (await read()) as { readonly rows: Record<string, unknown>[] }
    expect(before).toMatchObject({ chosen: 1, files: 9, nulls: 0 })
    expect(before.rows[4]).toMatchObject({
      note: 'über',
      n: 5,
      at: { x2: 1, inner2: { y: 'why' } },
      parts: [{ p: 1 }, null],
      by: [['k', { v: 5 }]],
      venue: null,
    })
    expect(before.rows.map(({ venue }) => venue)).toEqual([null, null, null, null, null, 'v5', 'v6', 'v7', 'v8'])
    const policy = { smallFilesMax: 8, small_bytes: 2 ** 30, task_bytes: 2 ** 30, taskFiles: 99, taskRows: 10 ** 6 }
    expect(await compactSmallFiles(table, session, policy)).toBe(1)
    expect(await read()).toEqual({ ...before, files: 1, nulls: 8 })
    expect(currentSchema((await table.table.load()).metadata).fields.at(-1)?.name).toBe('venue')
    await session.close()
  })
})
