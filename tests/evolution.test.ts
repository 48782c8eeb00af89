import { commit, currentSchema, currentSnapshot, decodeValue, type NestedField } from '@assay/iceberg'
import { DLQ_ARCHIVE_TABLE, DLQ_TABLE, silverTable } from '@assay/medallion'
import { runRetention } from '@assay/operations'
import { compactSmallFiles, defineColumns, LakeTable, scanSql, type TableDefinition } from '@assay/pipeline'
import { describe, expect, it } from 'vitest'
import { misjudgedLake, produceBinance, tradesWithRejects } from './support/dead-letters.js'
import { drain } from './support/drain.js'
import {
  addColumns,
  appendForeign,
  changeColumns,
  changeMetadata,
  listOf,
  mapOf,
  struct,
} from './support/foreign-columns.js'
import { checkInvariants } from './support/invariants.js'
import { type MemoryLake, memoryLake } from './support/memory-lake.js'

const DAY_MS = 86_400_000
const HOUR_MS = 3_600_000
const COMPACTION = { smallFilesMax: 1, small_bytes: 10 ** 7, task_bytes: 10 ** 8, taskFiles: 100, taskRows: 10 ** 6 }

const THINGS: TableDefinition = {
  name: 'things',
  columns: defineColumns([
    ['topic', 'string'],
    ['partition', 'int'],
    ['offset', 'long'],
    ['tags', 'list<string>'],
    ['day', 'date'],
  ]),
  partitionBy: ['day'],
  orderBy: ['topic', 'partition', 'offset'],
  coordinates: { topic: 'topic', partition: 'partition', offset: 'offset' },
}
const GROWN = grown(THINGS)

/** The definition of a later version: one more column at its end. */
function grown(definition: TableDefinition): TableDefinition {
  const specs = definition.columns.map(({ name, type }) => [name, type] as const)
  return { ...definition, columns: defineColumns([...specs, ['venue', 'string']]) }
}

function open(lake: MemoryLake, definition: TableDefinition, olderVersions_ms = HOUR_MS): Promise<LakeTable> {
  const { catalog, store, clock, random } = lake
  const signals = { notify: () => undefined, wait: async () => undefined } as never
  return LakeTable.open(definition, { catalog, store, clock, random, signals, olderVersions_ms })
}

function thing(offset: number, more = '', day = '2026-01-01'): string {
  return `SELECT 't' AS topic, 0::INTEGER AS "partition", ${offset}::BIGINT AS "offset", ['a', NULL, '${offset}'] AS tags,
    DATE '${day}' AS day${more}`
}

async function put(lake: MemoryLake, table: LakeTable, select: string, day = '2026-01-01'): Promise<void> {
  const session = await (await lake.engine()).session()
  const file = await table.write(session, select, { day })
  const addFiles = file ? [file] : []
  await commit(table.table, { prepare: () => ({ kind: 'proceed', change: { operation: 'append', addFiles } }) })
  await session.close()
}

async function rowsOf(lake: MemoryLake, table: LakeTable): Promise<Record<string, unknown>[]> {
  const session = await (await lake.engine()).session()
  const files = await table.files(await table.pin())
  const rows = await session.rows(`SELECT * FROM (${scanSql(table.definition, files)}) ORDER BY "offset"`)
  await session.close()
  return rows
}

async function compact(lake: MemoryLake, table: LakeTable, policy = COMPACTION): Promise<number> {
  const session = await (await lake.engine()).session()
  const compactions = await compactSmallFiles(table, session, policy)
  await session.close()
  return compactions
}

/** The only live file as it stands, columns by the names and ids in the file itself. */
async function onlyFile(lake: MemoryLake, table: LakeTable) {
  const planned = await table.plan(await table.table.load(), {})
  expect(planned).toHaveLength(1)
  const { path } = await table.scanFile(planned[0] as (typeof planned)[0])
  const session = await (await lake.engine()).session()
  const texts = await session.rows(`SELECT to_json(f)::VARCHAR AS row FROM read_parquet('${path}') f ORDER BY "offset"`)
  const rows = texts.map(({ row }) => JSON.parse(String(row)) as Record<string, unknown>)
  const footer = await session.rows(`SELECT name, field_id FROM parquet_schema('${path}') WHERE field_id IS NOT NULL`)
  await session.close()
  return { rows, footer, file: planned[0]?.file }
}

describe('columns of another engine', () => {
  it('A10: T25: and their values, nested ones too, are kept by a compaction, whatever was renamed, widened, added inside', async () => {
    const lake = memoryLake()
    const table = await open(lake, THINGS)
    await put(lake, table, thing(1))
    await addColumns(table, [
      { name: 'note', type: 'string' },
      { name: 'n', type: 'int' },
      { name: 'ratio', type: 'double' },
      { name: 'Topic', type: 'string' },
      { name: 'filename', type: 'string' },
      { name: 'at', type: struct(['x', 'int'], ['gone', 'int'], ['inner', struct(['y', 'string'])]) },
      { name: 'parts', type: listOf(struct(['p', 'int'], ['q', 'string'])) },
      { name: 'by', type: mapOf('string', struct(['v', 'int'])) },
    ])
    const day = Date.UTC(2026, 0, 1) / DAY_MS
    const foreign = `, 'über' AS note, 7::INTEGER AS n, 0.1::DOUBLE AS ratio, 'T' AS "Topic2", 'f' AS filename,
      {'x': 1, 'gone': 2, 'inner': {'y': 'why'}} AS "at", [{'p': 1, 'q': 'one'}, NULL, {'p': NULL, 'q': 'two'}] AS parts,
      map {'k': {'v': 5}} AS "by"`
    const all = ['topic', 'partition', 'offset', 'tags', 'day', 'note', 'n', 'ratio', 'filename', 'at', 'parts', 'by']
    const columns = all.map((name) => `"${name}"`).join(', ')
    await appendForeign(lake, table, `SELECT ${columns} FROM (${thing(2, foreign)})`, all, {
      specId: 0,
      partition: [day],
    })
    // What ours has open goes on, and writes nothing for columns that it does not know.
    await put(lake, table, thing(3))
    await changeColumns(table, (fields) => fields.map(renamedInside))
    await addColumns(table, [{ name: 'later', type: listOf(struct(['z', 'int'])) }])
    await appendForeign(
      lake,
      table,
      `SELECT ${columns} FROM (${thing(4, foreign.replace('7::INTEGER', '5000000000').replace(`'x': 1`, `'ex': 3000000000`).replace(`'gone': 2, `, '').replace(`'y'`, `'why'`).replaceAll(`'p'`, `'pp'`).replace(`'v'`, `'w'`))})`,
      all,
      { specId: 0, partition: [day] },
    )
    // Compactions take no file that is larger than all smaller ones together.
    for (let n = 5; n < 12; n++) await put(lake, table, thing(n))
    expect(await compact(lake, table, { ...COMPACTION, smallFilesMax: 10 })).toBe(1)
    const { rows, footer, file } = await onlyFile(lake, table)
    const parts = [{ pp: 1, q: 'one' }, null, { pp: null, q: 'two' }]
    const own = { topic: 't', partition: 0, day: '2026-01-01' }
    const nothing = { note: null, n: null, ratio: null, filename: null, at: null, parts: null, by: null, later: null }
    const filled = { note: 'über', n: 7, ratio: 0.1, filename: 'f', parts, by: { k: { w: 5 } }, later: null }
    expect(rows.map(({ Topic_10: _, ...row }) => row)).toEqual(
      Array.from({ length: 11 }, (_, i) => {
        const row = { ...own, offset: i + 1, tags: ['a', null, String(i + 1)] }
        if (i === 1) return { ...row, ...filled, at: { ex: 1, inner: { why: 'why' } } }
        if (i === 3) return { ...row, ...filled, n: 5e9, at: { ex: 3e9, inner: { why: 'why' } } }
        return { ...row, ...nothing }
      }),
    )
    expect(rows[0]).toHaveProperty('Topic_10', null)
    const { metadata } = await table.table.load()
    const byId = new Map(footer.map(({ name, field_id }) => [Number(field_id), name]))
    const ids = (fields: readonly NestedField[]): number[] =>
      fields.flatMap(({ id, type }) => [
        id,
        ...(typeof type === 'object' && type.kind === 'struct' ? ids(type.fields) : []),
      ])
    for (const id of ids(currentSchema(metadata).fields)) expect(byId.has(id), String(id)).toBe(true)
    const note = currentSchema(metadata).fields.find(({ name }) => name === 'note') as NestedField
    const n = currentSchema(metadata).fields.find(({ name }) => name === 'n') as NestedField
    const bounds = [file?.lowerBounds, file?.upperBounds]
    expect(bounds.map((each) => decodeValue('long', each?.get(n.id) as Uint8Array))).toEqual([7n, 5_000_000_000n])
    expect(bounds.map((each) => decodeValue('string', each?.get(note.id) as Uint8Array))).toEqual(['über', 'über'])
    expect([file?.valueCounts?.get(note.id), file?.nullCounts?.get(note.id)]).toEqual([11, 9])
    await lake.close()
  })

  it('A10: D5: go with dead letters into the archive, and stay with those that a purge leaves', async () => {
    const lake = await misjudgedLake(tradesWithRejects(4, 2))
    const queue = await lake.table(DLQ_TABLE)
    await addColumns(queue, [
      { name: 'ticket', type: 'string' },
      { name: 'who', type: struct(['name', 'string']) },
    ])
    const [deadLetter] = await queue.plan((await queue.pin()).version, {})
    // Another engine fills the new columns in, in place.
    const path = (await queue.scanFile(deadLetter as never)).path
    const names = [...DLQ_TABLE.columns.map(({ name }) => name), 'ticket', 'who']
    const select = `SELECT *, 'T-' || kafka_offset AS ticket, {'name': 'ops' || kafka_offset} AS who FROM read_parquet('${path}')`
    await appendForeign(lake, queue, select, names, { specId: 0, partition: deadLetter?.file.partition as never })
    await commit(queue.table, {
      prepare: () => ({
        kind: 'proceed',
        change: { operation: 'delete', removeFiles: [deadLetter?.file.path as string] },
      }),
    })
    lake.clock.advance(31 * DAY_MS)
    const due = await runRetention(lake, false)
    expect(due).toEqual({ archived: 2, purged: 0 })
    const archive = await lake.table(DLQ_ARCHIVE_TABLE)
    const ids = currentSchema((await archive.table.load()).metadata).fields
    expect(ids.map(({ name }) => name).slice(-3)).toEqual(['archived_at', 'ticket', 'who'])
    const readRaw = async () => {
      const session = await (await lake.engine()).session()
      const files = await archive.files(await archive.pin())
      const list = files.map((file) => `'${file.path}'`).join(', ')
      const rows = await session.rows(`SELECT kafka_offset, ticket, who.name AS who, archived_at IS NOT NULL AS dated
        FROM read_parquet([${list}], union_by_name = true) ORDER BY 1`)
      await session.close()
      return rows
    }
    const kept = [0n, 2n].map((n) => ({ kafka_offset: n, ticket: `T-${n}`, who: `ops${n}`, dated: true }))
    expect(await readRaw()).toEqual(kept)
    await checkInvariants(lake)
    // A later dead letter, of which the purge leaves the row, is rewritten beside one that goes.
    lake.clock.advance(89 * DAY_MS)
    await compact(lake, archive)
    expect(await readRaw()).toEqual(kept)
    lake.clock.advance(2 * DAY_MS)
    expect(await runRetention(lake, false)).toEqual({ archived: 0, purged: 2 })
    await checkInvariants(lake)
    await lake.close()
  })

  it('A10: A12: rows of a file of another partition spec are rewritten into the partitions that they belong to', async () => {
    const lake = memoryLake()
    const table = await open(lake, THINGS)
    await put(lake, table, thing(1))
    await changeMetadata(table, (metadata) => ({
      ...metadata,
      partitionSpecs: [...metadata.partitionSpecs, { specId: 1, fields: [] }],
      defaultSpecId: 1,
    }))
    const both = `${thing(2)} UNION ALL ${thing(3, '', '2026-01-02')}`
    await appendForeign(
      lake,
      table,
      both,
      THINGS.columns.map(({ name }) => name),
      { specId: 1, partition: [] },
    )
    await put(lake, table, thing(4, '', '2026-01-02'), '2026-01-02')
    const { version } = await table.pin()
    const files = await table.plan(version, { keepPartition: ({ day }) => day === '2026-01-02' })
    expect(files.map(({ file }) => file.specId)).toEqual([1, 0])
    const session = await (await lake.engine()).session()
    const copied = await table.copyRows(session, { table, version, files: files.slice(0, 1), where: '"offset" > 1' })
    await session.close()
    const day = Date.UTC(2026, 0, 1) / DAY_MS
    expect(copied.map(({ specId, partition, recordCount }) => [specId, partition, recordCount]).sort()).toEqual([
      [0, [day], 1],
      [0, [day + 1], 1],
    ])
    await commit(table.table, {
      prepare: () => ({
        kind: 'proceed',
        change: { operation: 'replace', addFiles: copied, removeFiles: [files[0]?.file.path as string] },
      }),
    })
    expect((await rowsOf(lake, table)).map(({ offset }) => offset)).toEqual([1n, 2n, 3n, 4n])
    await lake.close()
  })

  it('A10: that the engine cannot write are left as they are, and never rewritten without', async () => {
    const lake = memoryLake()
    const table = await open(lake, THINGS)
    for (let n = 0; n < 3; n++) await put(lake, table, thing(n))
    await addColumns(table, [{ name: 'code', type: 'fixed[4]' }])
    expect(await compact(lake, table)).toBe(0)
    const session = await (await lake.engine()).session()
    const { version } = await table.pin()
    const rows = table.copyRows(session, { table, version, files: await table.plan(version, {}) })
    await expect(rows).rejects.toMatchObject({
      code: 'column_not_rewritable',
      message: 'things has column code of type fixed[4]',
    })
    await session.close()
    await lake.close()
  })

  it('A10: of which one of ours was renamed refuse that table, open or not, and no other', async () => {
    const lake = await misjudgedLake(tradesWithRejects(4, 2))
    const silver = await lake.table(silverTable('binance'))
    await changeColumns(silver, (fields) =>
      fields.map((one) => (one.name === 'symbol' ? { ...one, name: 'pair' } : one)),
    )
    const refused = {
      code: 'table_incompatible',
      message: expect.stringMatching(/silver_binance_trades \(.*metadata.*\).*column symbol was renamed to pair/),
      hint: expect.stringContaining('RENAME COLUMN pair TO symbol'),
    }
    await expect(silver.pin()).rejects.toMatchObject(refused)
    await expect(drain(memoryLake({ ...lake }))).rejects.toMatchObject(refused)
    const deadLetters = await lake.table(DLQ_TABLE)
    expect(await deadLetters.files(await deadLetters.pin())).toHaveLength(1)
    await lake.close()
  })
})

function renamedInside(field: NestedField): NestedField {
  const renames: Record<string, string> = { x: 'ex', y: 'why', p: 'pp', v: 'w' }
  const { type } = field
  const name = renames[field.name] ?? field.name
  if (typeof type === 'string')
    return { ...field, name, type: type === 'int' && /^(n|x)$/.test(field.name) ? 'long' : type }
  if (type.kind === 'struct') {
    return {
      ...field,
      name,
      type: { ...type, fields: type.fields.filter((one) => one.name !== 'gone').map(renamedInside) },
    }
  }
  const inner = (of: NestedField['type']) => renamedInside({ ...field, type: of }).type
  if (type.kind === 'list')
    return typeof type.element === 'string' ? field : { ...field, type: { ...type, element: inner(type.element) } }
  return { ...field, type: { ...type, value: inner(type.value) } }
}

describe('columns that a later version adds', () => {
  it('A10: T25: open every table as it is, one that has other ids too; old rows have none', async () => {
    const lake = memoryLake()
    const session = await (await lake.engine()).session()
    for (const definition of [...lake.definitions, THINGS]) {
      const before = await open(lake, definition)
      const empty = `SELECT ${scanSql(definition, []).slice('SELECT '.length, -' WHERE false'.length)}`
      const write = async (table: LakeTable, select: string): Promise<void> => {
        const file = await table.write(session, select, {})
        const addFiles = file ? [file] : []
        await commit(table.table, { prepare: () => ({ kind: 'proceed', change: { operation: 'append', addFiles } }) })
      }
      await write(before, empty)
      await addColumns(before, [{ name: 'ours_no', type: 'long' }])
      const after = await open(lake, grown(definition))
      const reader = await open(lake, grown(definition))
      const seen = async (table: LakeTable) =>
        (await session.rows(`SELECT venue FROM (${scanSql(table.definition, await table.files(await table.pin()))})`))
          .map(({ venue }) => venue)
          .sort()
      expect(await seen(reader)).toEqual([null])
      const { metadata: untouched } = await before.table.load()
      expect(currentSchema(untouched).fields.map(({ name }) => name)).not.toContain('venue')
      await write(after, `SELECT *, 'x' AS venue FROM (${empty})`)
      expect(await seen(reader), definition.name).toEqual([null, 'x'].sort())
      await write(before, empty)
      const { metadata } = await before.table.load()
      const fields = currentSchema(metadata).fields
      expect(fields.slice(0, definition.columns.length).map(({ id, name }) => ({ id, name }))).toEqual(
        definition.columns.map(({ id, name }) => ({ id, name })),
      )
      expect(fields.at(-1)).toMatchObject({ name: 'venue', id: metadata.lastColumnId, required: false })
      expect(currentSnapshot(metadata)?.summary['assay.version']).toBeDefined()
      expect(await compact(lake, before)).toBe(1)
      expect(await seen(reader), definition.name).toEqual([null, null, 'x'].sort())
    }
    await session.close()
    await lake.close()
  })

  it('A10: T30: wait, and say for whom, while an older version commits; rows are written without them', async () => {
    const lake = memoryLake()
    await put(lake, await open(lake, THINGS), thing(1))
    await changeMetadata(await open(lake, THINGS), (metadata) => {
      const [head] = metadata.snapshots
      const summary = { operation: 'append', 'engine-name': 'assay', 'engine-version': '0.1.0' }
      return { ...metadata, snapshots: [{ ...(head as NonNullable<typeof head>), summary }] }
    })
    const table = await open(lake, GROWN)
    await put(lake, table, thing(2, `, 'lost' AS venue`))
    expect(table.warning).toMatch(/things does not get venue yet.*snapshot \d+ at .*upgrade whatever writes to things/)
    expect((await rowsOf(lake, table)).map(({ venue }) => venue)).toEqual([null, null])
    lake.clock.advance(HOUR_MS)
    await put(lake, table, thing(3, `, 'kept' AS venue`))
    expect(table.warning).toBeUndefined()
    // An operator who has upgraded everything need not wait.
    const impatient = await open(
      lake,
      { ...GROWN, columns: grown(GROWN).columns.with(-1, { id: 9, name: 'hall', type: 'string' }) },
      0,
    )
    await put(lake, impatient, thing(4, `, 'both' AS venue, 'B' AS hall`))
    expect((await rowsOf(lake, impatient)).map(({ venue, hall }) => [venue, hall])).toEqual([
      [null, null],
      [null, null],
      ['kept', null],
      ['both', 'B'],
    ])
    await lake.close()
  })

  it('A10: T30: are warned of by the worker whose table has them, while an older version commits to it', async () => {
    const lake = await misjudgedLake(tradesWithRejects(4, 2))
    const bronze = await lake.table(lake.definitions[0] as TableDefinition)
    await addColumns(bronze, [{ name: 'note', type: 'string' }])
    await changeMetadata(bronze, (metadata) => ({
      ...metadata,
      snapshots: metadata.snapshots.map(({ summary: { 'assay.version': _, ...summary }, ...one }) => ({
        ...one,
        summary: { operation: 'append', ...summary },
      })),
    }))
    await produceBinance(lake, tradesWithRejects(6, 2))
    const warnings = (await drain(lake)).filter(({ kind }) => kind === 'table_warning')
    expect(warnings).toMatchObject([
      {
        worker: 'bronze-binance',
        table: 'bronze_binance_trades',
        message: expect.stringMatching(/bronze_binance_trades may lose values of note: an older version.*upgrade/),
      },
    ])
    await lake.close()
  })

  it('A10: T30: are kept by a worker that has the table open without them, and read by one that has them', async () => {
    const lake = memoryLake()
    const [old, young] = [await open(lake, THINGS), await open(lake, GROWN)]
    await Promise.all([0, 1, 2].map((n) => put(lake, n === 1 ? young : old, thing(n, n === 1 ? `, 'x' AS venue` : ''))))
    await put(lake, old, thing(3))
    expect(await compact(lake, old)).toBe(1)
    expect((await rowsOf(lake, young)).map(({ offset, venue }) => [offset, venue])).toEqual([
      [0n, null],
      [1n, 'x'],
      [2n, null],
      [3n, null],
    ])
    await lake.close()
  })
})

describe('columns of ours that were widened', () => {
  it('A10: A12: are written in the table’s type, with bounds of that type, and read in ours', async () => {
    const lake = memoryLake()
    const table = await open(lake, { ...THINGS, partitionBy: ['partition'] })
    await put(lake, table, thing(1))
    await changeColumns(table, (fields) =>
      fields.map((one) => (one.name === 'partition' ? { ...one, type: 'long' as const } : one)),
    )
    const session = await (await lake.engine()).session()
    const file = await table.write(session, thing(2), { partition: 0 })
    await session.close()
    expect(file?.partition).toEqual([0n])
    expect(file?.lowerBounds?.get(2)).toHaveLength(8)
    await commit(table.table, {
      prepare: () => ({ kind: 'proceed', change: { operation: 'append', addFiles: file ? [file] : [] } }),
    })
    expect(await rowsOf(lake, table)).toMatchObject([{ partition: 0 }, { partition: 0 }])
    const zero = await table.plan(await table.table.load(), { keepPartition: ({ partition }) => partition === 0 })
    expect(zero).toHaveLength(1)
    expect(await compact(lake, table)).toBe(0)
    await lake.close()
  })
})
