import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { withColumns } from '../src/evolution/evolve-metadata.js'
import { matchColumns } from '../src/evolution/match-columns.js'
import {
  commit,
  createTable,
  currentSchema,
  currentSnapshot,
  evolveTable,
  type NestedField,
  planCompaction,
  planFiles,
  type Schema,
  type TableMetadata,
} from '../src/index.js'
import { append, description, openWorld, putDataFile, type World } from './support.js'

const NOW_MS = Date.UTC(2026, 0, 1)

function column(name: string, type: NestedField['type'] = 'string', id = 0): NestedField {
  return { id, name, required: false, type }
}

/** What another engine makes of the current schema. */
function changed(metadata: TableMetadata, change: (fields: readonly NestedField[]) => NestedField[]): TableMetadata {
  const before = currentSchema(metadata)
  const schemaId = 1 + Math.max(...metadata.schemas.map((schema) => schema.schemaId))
  const schema: Schema = { ...before, schemaId, fields: change(before.fields) }
  return { ...metadata, schemas: [...metadata.schemas, schema], currentSchemaId: schemaId }
}

function with_(name: string, change: Partial<NestedField>) {
  return (fields: readonly NestedField[]): NestedField[] =>
    fields.map((field) => (field.name === name ? { ...field, ...change } : field))
}

async function swapped(world: World, change: (metadata: TableMetadata) => TableMetadata): Promise<void> {
  const version = await world.table.load()
  expect((await world.catalog.compareAndSwap('trades', version, change(version.metadata))).kind).toBe('committed')
}

const { fields } = description

describe('columns that another engine changed', () => {
  it('A10: are lived with where every value of ours still fits', async () => {
    const { table } = await openWorld()
    const { metadata } = await table.load()
    const moves: readonly ((fields: readonly NestedField[]) => NestedField[])[] = [
      (all) => [...all].reverse(),
      (all) => [column('note', 'string', 9), ...all],
      with_('price', { type: 'decimal(38, 10)' }),
      with_('price', { doc: 'in the quote currency' }),
      with_('offset', { required: false }),
    ]
    for (const move of moves) {
      const match = matchColumns(changed(metadata, move), fields)
      expect(match).toMatchObject({ problems: [], missing: [] })
      expect([...match.fields].map(([, { id }]) => id)).toEqual([1, 2, 3])
    }
    const narrow = [
      column('n', 'int'),
      column('f', 'float'),
      column('l', { kind: 'list', elementId: 0, elementRequired: false, element: 'int' }),
    ]
    const wide = [
      column('n', 'long', 1),
      column('f', 'double', 2),
      column('l', { kind: 'list', elementId: 9, elementRequired: false, element: 'long' }, 3),
    ]
    expect(
      matchColumns(
        changed(metadata, () => wide),
        narrow,
      ),
    ).toMatchObject({ problems: [], missing: [] })
  })

  it('A10: are refused with column and way out where they do not, or where adding one would hide values', async () => {
    const { catalog, table } = await openWorld()
    const { metadata } = await table.load()
    const drop = (name: string) => (all: readonly NestedField[]) => all.filter((field) => field.name !== name)
    const renamed = changed(metadata, with_('price', { name: 'prix' }))
    const of = (problem: string, remedy: string) => [
      expect.objectContaining({ problem: expect.stringContaining(problem), remedy: expect.stringContaining(remedy) }),
    ]
    const cases: readonly [string, TableMetadata, unknown][] = [
      ['renamed', renamed, of('was renamed to prix', 'RENAME COLUMN prix TO price')],
      [
        'renamed, and another one put in its place',
        withColumns(renamed, [column('price', 'decimal(28, 10)')], NOW_MS),
        of('was renamed to prix', 'RENAME COLUMN prix TO price'),
      ],
      ['dropped', changed(metadata, drop('price')), of('was dropped', 'ADD COLUMN price decimal(28, 10)')],
      [
        'of another type',
        changed(metadata, with_('price', { type: 'string' })),
        of('is of type string', 'RENAME COLUMN price'),
      ],
      [
        'of a narrower type',
        changed(metadata, with_('price', { type: 'decimal(20, 10)' })),
        of('decimal(20, 10)', 'RENAME'),
      ],
      [
        'of another scale',
        changed(metadata, with_('price', { type: 'decimal(38, 12)' })),
        of('decimal(38, 12)', 'RENAME'),
      ],
      ['required', changed(metadata, with_('price', { required: true })), of('is required', 'price DROP NOT NULL')],
      [
        'a required one more',
        changed(metadata, (all) => [...all, { ...column('x', 'int', 9), required: true }]),
        of('no values', 'x DROP NOT NULL'),
      ],
      [
        'told apart by case only',
        changed(metadata, with_('price', { name: 'Price', id: 9 })),
        of('beside Price', 'RENAME COLUMN Price'),
      ],
    ]
    for (const [what, after, problems] of cases) expect(matchColumns(after, fields).problems, what).toEqual(problems)
    // The operator's way out: the column is added again.
    const again = withColumns(changed(metadata, drop('price')), [column('price', 'decimal(28, 10)')], NOW_MS)
    expect(matchColumns(again, fields)).toMatchObject({ problems: [], missing: [] })
    // Where older schemas were cleaned up, a column from before others of the same making is known by its id.
    const cut = changed(metadata, with_('day', { name: 'tag' }))
    const bare = { ...cut, schemas: cut.schemas.slice(-1) }
    expect(matchColumns(bare, fields).problems).toEqual(of('was renamed to tag', 'RENAME COLUMN tag TO day'))

    await swapped({ catalog, table } as World, () => renamed)
    await expect(createTable(catalog, 'trades', description, table)).rejects.toMatchObject({
      code: 'table_incompatible',
      message: expect.stringMatching(
        /table trades \(.*tables\/test\/trades\/metadata\/v2.metadata.json\).*price was renamed/,
      ),
      hint: expect.stringContaining('RENAME COLUMN prix TO price'),
    })
  })

  it('A10: never make an id mean two columns, nor one of ours another, in any order of changes', async () => {
    const { table } = await openWorld()
    const { metadata: first } = await table.load()
    const name = fc.constantFrom('a', 'b', 'c', 'd')
    const step = fc.oneof(
      fc.record({ kind: fc.constant('ours' as const), count: fc.integer({ min: 0, max: 4 }) }),
      fc.record({ kind: fc.constant('add' as const), name }),
      fc.record({ kind: fc.constant('drop' as const), name }),
      fc.record({ kind: fc.constant('rename' as const), name, to: name }),
    )
    const later = ['a', 'b', 'c', 'd'].map((one, i) => column(one, 'string', 4 + i))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let metadata = first
        const born = new Map(currentSchema(first).fields.map((field) => [field.id, field.name]))
        const ours = new Map<string, number>()
        for (const one of steps) {
          const before = metadata
          const names = currentSchema(metadata).fields.map((field) => field.name)
          if (one.kind === 'ours') {
            const wanted = [...fields, ...later.slice(0, one.count)]
            const match = matchColumns(metadata, wanted)
            for (const [mine, { id }] of match.fields) {
              const was = ours.get(mine)
              // Another id only when the old one is gone.
              if (was !== undefined && was !== id)
                expect(currentSchema(metadata).fields.map((f) => f.id)).not.toContain(was)
            }
            if (match.problems.length > 0) continue
            if (match.missing.length > 0) metadata = withColumns(metadata, match.missing, NOW_MS)
            for (const [mine, { id }] of matchColumns(metadata, wanted).fields) ours.set(mine, id)
          } else if (one.kind === 'add' && !names.includes(one.name)) {
            metadata = withColumns(metadata, [column(one.name)], NOW_MS)
          } else if (one.kind === 'drop') {
            metadata = changed(metadata, (all) => all.filter((field) => field.name !== one.name))
          } else if (one.kind === 'rename' && !names.includes(one.to)) {
            metadata = changed(metadata, with_(one.name, { name: one.to }))
          }
          const known = new Set(before.schemas.flatMap((schema) => schema.fields.map(({ id }) => id)))
          for (const field of currentSchema(metadata).fields) {
            if (known.has(field.id)) continue
            expect(born.has(field.id)).toBe(false)
            born.set(field.id, field.name)
          }
          expect(metadata.lastColumnId).toBe(Math.max(...born.keys()))
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('adding columns', () => {
  const wanted = { ...description, fields: [...fields, column('venue')] }
  const HOUR_MS = 3_600_000

  async function appendAs(world: World, summary: Record<string, string>): Promise<bigint> {
    await append(world.table, [await putDataFile(world.table)])
    // A snapshot as another writer leaves it: the summary is all that tells.
    await swapped(world, (metadata) => {
      const head = currentSnapshot(metadata)
      const last = { ...head, summary } as TableMetadata['snapshots'][number]
      return { ...metadata, snapshots: [...metadata.snapshots.slice(0, -1), last] }
    })
    return currentSnapshot((await world.table.load()).metadata)?.snapshotId as bigint
  }

  it('A10: T30: waits while a version that would drop them has committed within the time given', async () => {
    const world = await openWorld()
    const { table, clock } = world
    const old = await appendAs(world, { operation: 'append', 'engine-name': 'assay', 'engine-version': '0.1.0' })
    const evolve = () => evolveTable(table, wanted, { olderWriters_ms: HOUR_MS })
    expect(await evolve()).toMatchObject({ kind: 'older_writer', snapshot: { snapshotId: old } })
    clock.advance(HOUR_MS - 1)
    await append(table, [await putDataFile(table)])
    expect((await evolve()).kind).toBe('older_writer')
    expect(currentSchema((await table.load()).metadata).fields).toHaveLength(3)
    clock.advance(1)
    expect((await evolve()).kind).toBe('current')
    expect(currentSchema((await table.load()).metadata).fields).toHaveLength(4)
  })

  it('A10: T30: waits for no other engine and for no version like this one', async () => {
    const world = await openWorld()
    await appendAs(world, { operation: 'append', 'engine-name': 'spark', 'engine-version': '3.5.1' })
    await append(world.table, [await putDataFile(world.table)])
    expect(currentSnapshot((await world.table.load()).metadata)?.summary['assay.version']).toMatch(/^\d+\.\d+\.\d+$/)
    expect((await evolveTable(world.table, wanted, { olderWriters_ms: HOUR_MS })).kind).toBe('current')
  })
})

describe('a partition column that was widened', () => {
  it('A10: A12: counts its values on as the same, in manifests, plans and compactions', async () => {
    const numbers = { fields: [column('n', 'int', 1)], partitionBy: ['n'] }
    const world = await openWorld({ description: numbers })
    const { table } = world
    const put = async (n: number | bigint) => ({
      ...(await putDataFile(table, { day: n as number })),
      partition: [n],
      lowerBounds: new Map(),
      upperBounds: new Map(),
    })
    for (const n of [1, 2, 3]) await append(table, [await put(n)])
    await swapped(world, (metadata) => changed(metadata, with_('n', { type: 'long' })))
    for (let i = 0; i < 12; i++) await append(table, [await put(BigInt(1 + (i % 3)))])
    for (const reader of [
      table,
      (await openWorld({ store: world.store, clock: world.clock, description: numbers })).table,
    ]) {
      const version = await reader.load()
      expect((await planFiles(reader, version)).map(({ file }) => Number(file.partition[0])).sort()).toEqual(
        [1, 2, 3].flatMap((n) => Array(5).fill(n)),
      )
      expect(await planFiles(reader, version, { ranges: [{ columnId: 1, from: 2n, to: 2n }] })).toHaveLength(5)
      const policy = { smallFilesMax: 2, small_bytes: 10_000, task_bytes: 100_000, taskFiles: 100, taskRows: 100_000 }
      expect((await planCompaction(reader, version, policy)).map(({ files }) => files.length)).toEqual([5, 5, 5])
    }
  })
})

describe('a table of several partition specs', () => {
  it('A10: A4: is written for the spec that is ours, planned and compacted by each file’s own', async () => {
    const { catalog, table, clock } = await openWorld()
    const ours = await Promise.all(
      [1, 2].map((n) => putDataFile(table, { day: 20_000, from: BigInt(n), to: BigInt(n) })),
    )
    await append(table, ours)
    // Another engine partitions by bucket, and writes so.
    await swapped({ catalog, table } as World, (metadata) => ({
      ...metadata,
      partitionSpecs: [
        ...metadata.partitionSpecs,
        { specId: 1, fields: [{ sourceId: 2, fieldId: 1001, name: 'offset_bucket', transform: 'bucket[4]' }] },
      ],
      defaultSpecId: 1,
      lastPartitionId: 1001,
    }))
    const evolved = await evolveTable(table, description, { olderWriters_ms: 0 })
    expect(evolved.version.metadata.defaultSpecId).toBe(1)
    const foreign = { ...(await putDataFile(table, { from: 5n, to: 6n })), specId: 1, partition: [3] }
    await append(table, [foreign])
    for (let n = 0; n < 20; n++) await append(table, [await putDataFile(table, { from: 7n, to: 7n })])
    await expect(
      append(table, [await putDataFile(table), { ...foreign, path: `${foreign.path}-2` }]),
    ).rejects.toMatchObject({
      code: 'mixed_partition_specs',
    })
    const version = await table.load()
    const planned = await planFiles(table, version)
    expect(planned.filter(({ file }) => file.specId === 0)).toHaveLength(22)
    expect(planned.filter(({ file }) => file.specId === 1).map(({ file }) => file.partition)).toEqual([[3]])
    expect((await table.manifests(version, currentSnapshot(version.metadata))).length).toBeLessThan(14)
    // A day that the partition excludes, and an offset that the bounds do.
    const days = await planFiles(table, version, { ranges: [{ columnId: 1, from: 20_001 }] })
    expect(days.map(({ file }) => file.specId)).toEqual([1])
    const offsets = await planFiles(table, version, { ranges: [{ columnId: 2, from: 5n, to: 6n }] })
    expect(offsets.map(({ file }) => file.path)).toEqual([foreign.path])
    const policy = { smallFilesMax: 4, small_bytes: 10_000, task_bytes: 100_000, taskFiles: 100, taskRows: 100_000 }
    const [task] = await planCompaction(table, version, policy, 0)
    expect(task?.files).toHaveLength(22)
    const compacted = await putDataFile(table, { from: 1n, to: 7n, rows: 220 })
    const outcome = await commit(table, {
      prepare: () => ({
        kind: 'proceed',
        change: {
          operation: 'replace',
          addFiles: [compacted],
          removeFiles: task?.files.map(({ file }) => file.path) ?? [],
        },
      }),
    })
    expect(outcome.kind).toBe('committed')
    clock.advance(1)
    expect((await planFiles(table, await table.load())).map(({ file }) => file.specId).sort()).toEqual([0, 1])
  })
})
