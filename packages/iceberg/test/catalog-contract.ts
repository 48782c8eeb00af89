import type { Clock, Random } from '@assay/core'
import type { ObjectStore } from '@assay/object-store'
import { beforeEach, describe, expect, it } from 'vitest'
import { openTable, type TableDescription } from '../src/evolution/create-table.js'
import { withColumns } from '../src/evolution/evolve-metadata.js'
import { defaultSpec } from '../src/format/metadata.js'
import {
  type Catalog,
  type CommitOutcome,
  commit,
  createTable,
  currentSchema,
  currentSnapshot,
  evolveTable,
  type PendingEntry,
  pendingChange,
  planFiles,
  publishPending,
  type Table,
  writePendingManifest,
} from '../src/index.js'
import { append, description, livePaths, putDataFile, replace } from './support.js'

/** A catalog as one process has it. All that one `setUp` opens share tables. */
export interface OpenCatalog {
  readonly catalog: Catalog
  readonly store: ObjectStore
  readonly random: Random
}

export interface ContractSetUp {
  readonly clock: Clock
  /** Opens the catalog as another process has it. */
  open(): Promise<OpenCatalog>
}

const PREFIX = 'assay.'

/** Ids with holes, as a table has them whose columns came and went. */
const GROWN: TableDescription = {
  fields: [
    { id: 2, name: 'day', required: false, type: 'date' },
    {
      id: 5,
      name: 'conditions',
      required: false,
      type: { kind: 'list', elementId: 9, elementRequired: false, element: 'string' },
    },
    { id: 7, name: 'venue', required: false, type: 'string' },
  ],
  partitionBy: ['venue'],
}
const tooEarly = async (): Promise<Table> => {
  throw new Error('a table is used before it is made')
}

/** What every catalog must do, whatever stands behind it. `name` gives a table's name not used before. */
export function catalogContract(title: string, setUp: () => Promise<ContractSetUp>, name: () => string): void {
  describe(`${title} keeps the catalog contract`, () => {
    let world: ContractSetUp
    let tableName: string
    let open: () => Promise<Table> = tooEarly

    const opened = async (named: string): Promise<Table> => {
      const { catalog, store, random } = await world.open()
      return createTable(catalog, named, description, { store, clock: world.clock, random })
    }

    beforeEach(async () => {
      world = await setUp()
      tableName = name()
      open = () => opened(tableName)
    })

    it('a table has one maker among many, and is listed', async () => {
      const tables = await Promise.all(Array.from({ length: 4 }, open))
      const versions = await Promise.all(tables.map((table) => table.load()))
      expect(new Set(versions.map(({ metadata }) => metadata.tableUuid)).size).toBe(1)
      const { catalog, store, random } = await world.open()
      expect(await catalog.list()).toContain(tableName)
      expect(await catalog.load(`${tableName}_not`)).toBeUndefined()
      const dependencies = { store, clock: world.clock, random }
      await expect(openTable(catalog, `${tableName}_not`, dependencies)).rejects.toMatchObject({
        code: 'table_not_found',
      })
      await expect(createTable(catalog, '../trades', description, dependencies)).rejects.toMatchObject({
        code: 'bad_table_name',
      })
    })

    it('A4: a table keeps the field ids that data files are written with', async () => {
      const { catalog, store, random } = await world.open()
      const dependencies = { store, clock: world.clock, random }
      const table = await createTable(catalog, tableName, GROWN, dependencies)
      const { metadata } = await table.load()
      expect(currentSchema(metadata).fields).toMatchObject(GROWN.fields)
      expect(defaultSpec(metadata).fields).toMatchObject([{ sourceId: 7, name: 'venue' }])
      await expect(createTable(catalog, tableName, GROWN, dependencies)).resolves.toBeDefined()
    })

    it('A10: T25: columns are added once by all who open at once, with ids of the table, beside foreign ones', async () => {
      const table = await open()
      const rows = await putDataFile(table)
      await append(table, [rows])
      const before = await table.load()
      const note = { id: 0, name: 'note', required: false, type: 'string' as const }
      const foreign = withColumns(before.metadata, [note], world.clock.now_ms())
      expect((await table.catalog.compareAndSwap(tableName, before, foreign)).kind).toBe('committed')
      const taken = foreign.lastColumnId
      const wanted: TableDescription = {
        fields: [
          ...description.fields,
          { id: taken, name: 'venue', required: false, type: 'string' },
          {
            id: taken + 1,
            name: 'tags',
            required: false,
            type: { kind: 'list', elementId: taken + 2, elementRequired: false, element: 'string' },
          },
        ],
        partitionBy: ['day', 'venue'],
      }
      const openers = await Promise.all([0, 1, 2, 3].map(open))
      const more = await putDataFile(table)
      const appended = append(table, [more])
      const evolved = openers.map((opener) => evolveTable(opener, wanted, { olderWriters_ms: 0 }))
      await appended
      for (const one of await Promise.all(evolved)) expect(one.kind).toBe('current')
      const { metadata } = await (await open()).load()
      const { fields } = currentSchema(metadata)
      expect(fields.map(({ name }) => name)).toEqual(['day', 'offset', 'price', 'note', 'venue', 'tags'])
      expect(fields.slice(3)).toMatchObject([
        { id: taken },
        { id: taken + 1 },
        { id: taken + 2, type: { elementId: taken + 3 } },
      ])
      expect(metadata.lastColumnId).toBe(taken + 3)
      expect(metadata.schemas).toHaveLength(foreign.schemas.length + 1)
      expect(metadata.partitionSpecs).toHaveLength(before.metadata.partitionSpecs.length + 1)
      expect(defaultSpec(metadata).fields).toMatchObject([
        { name: 'day', sourceId: 1 },
        { name: 'venue', sourceId: taken + 1 },
      ])
      expect(await livePaths(await open())).toEqual([rows.path, more.path].sort())
      const again = await evolveTable(openers[0] as Table, wanted, { olderWriters_ms: 0 })
      expect(again.version.token).toBe((await table.load()).token)
    })

    it('A10: T25: rows whose commit was drawn up before a column was added do not take it back', async () => {
      const [table, other] = [await open(), await open()]
      await append(table, [await putDataFile(table)])
      const file = await putDataFile(table)
      const venue = { id: 4, name: 'venue', required: false, type: 'string' as const }
      const swap = table.catalog.compareAndSwap.bind(table.catalog)
      let swaps = 0
      table.catalog.compareAndSwap = async (...args) => {
        swaps += 1
        const wanted = { fields: [...description.fields, venue], partitionBy: description.partitionBy }
        if (swaps === 1) await evolveTable(other, wanted, { olderWriters_ms: 0 })
        return swap(...args)
      }
      await append(table, [file])
      expect(swaps).toBe(2)
      for (const each of [table, await open()]) {
        const { metadata } = await each.load()
        expect(currentSchema(metadata).fields.at(-1)?.name).toBe('venue')
        expect(currentSnapshot(metadata)?.schemaId).toBe(metadata.currentSchemaId)
        expect(await livePaths(each)).toContain(file.path)
      }
    })

    it('A1: rows and properties change together, and what a commit returns is what others load', async () => {
      const table = await open()
      const first = await putDataFile(table, { rows: 3 })
      const outcome = await commit(table, {
        prepare: () => ({
          kind: 'proceed',
          change: { operation: 'append', addFiles: [first], setProperties: { checkpoint: '7', other: 'x' } },
        }),
      })
      if (outcome.kind !== 'committed') throw new Error(outcome.kind)
      const loaded = await (await open()).load()
      for (const version of [outcome.version, loaded]) {
        expect(version.metadata.properties).toMatchObject({ checkpoint: '7', other: 'x' })
        expect(version.metadata.currentSnapshotId).toBe(outcome.snapshot.snapshotId)
        expect(currentSnapshot(version.metadata)?.summary).toMatchObject(outcome.snapshot.summary)
        expect(version.tableKey).toBe(loaded.tableKey)
      }
      expect(await livePaths(table)).toEqual([first.path])
      await commit(table, {
        prepare: () => ({ kind: 'proceed', change: { operation: 'append', removeProperties: ['other'] } }),
      })
      expect((await table.load()).metadata.properties).not.toHaveProperty('other')
    })

    it('A2: of writers that commit at once every one gets through once', async () => {
      const tables = await Promise.all(Array.from({ length: 3 }, open))
      const files = await Promise.all(tables.flatMap((table) => [0, 1, 2].map(() => putDataFile(table))))
      await Promise.all(
        tables.map(async (table, writer) => {
          for (const file of files.slice(writer * 3, writer * 3 + 3)) await append(table, [file])
        }),
      )
      const reader = await open()
      expect(await livePaths(reader)).toEqual(files.map(({ path }) => path).sort())
      const numbers = (await planFiles(reader, await reader.load())).map(({ fileSequenceNumber }) => fileSequenceNumber)
      expect(new Set(numbers).size).toBe(files.length)
    })

    it('A2: a compare-and-swap on an old base is a conflict and changes nothing', async () => {
      const [mine, others] = [await open(), await open()]
      const base = await mine.load()
      const taken = await putDataFile(others)
      const { version } = await append(others, [taken])
      // The same commit as another process would draw it up on the old base.
      const rival = { ...version.metadata.snapshots.at(-1), snapshotId: BigInt(others.random.id53()) }
      const next = {
        ...version.metadata,
        snapshots: [...base.metadata.snapshots, { ...rival, parentId: base.metadata.currentSnapshotId }],
        currentSnapshotId: rival.snapshotId,
        refs: { main: { type: 'branch' as const, snapshotId: rival.snapshotId } },
      } as typeof base.metadata
      expect(
        await mine.catalog.compareAndSwap(tableName, base, { ...next, properties: base.metadata.properties }),
      ).toEqual({
        kind: 'conflict',
      })
      expect(await livePaths(mine)).toEqual([taken.path])
    })

    it('A2: a refused commit, and one whose files to remove are gone, change nothing', async () => {
      const table = await open()
      const [a, b] = [await putDataFile(table), await putDataFile(table)]
      await append(table, [a, b])
      const refused = await commit(table, { prepare: () => ({ kind: 'refuse', reason: 'position_moved' }) })
      expect(refused).toMatchObject({ kind: 'refused', reason: 'position_moved' })
      const compacted = await putDataFile(table, { rows: 20 })
      expect((await replace(table, [a.path, b.path], [compacted])).kind).toBe('committed')
      expect(await replace(table, [a.path], [])).toMatchObject({ kind: 'refused', reason: 'removed_files_gone' })
      expect(await livePaths(await open())).toEqual([compacted.path])
    })

    it('T2 T3: racing publishers publish what is pending once', async () => {
      const sideName = name()
      const [main, side] = [await open(), await opened(sideName)]
      const file = await putDataFile(side)
      const ref = await writePendingManifest(side, [file])
      await commit(main, {
        prepare: (base, next) => {
          const { path: manifest, length_bytes } = ref
          const entry: PendingEntry = { table: sideName, manifest, length_bytes, sequence: next.sequenceNumber }
          const setProperties = pendingChange(base, PREFIX, { add: [entry], published: new Set() })
          return { kind: 'proceed', change: { operation: 'append', setProperties } }
        },
      })
      const publishers = await Promise.all([0, 1, 2].map(() => opened(sideName)))
      const { metadata } = await main.load()
      await Promise.all(publishers.map((publisher) => publishPending(metadata, PREFIX, () => publisher)))
      expect(await livePaths(side)).toEqual([file.path])
    })

    it('A9: many commits leave few manifests', async () => {
      const table = await open()
      const files = await Promise.all(Array.from({ length: 20 }, () => putDataFile(table)))
      let outcome: Extract<CommitOutcome, { kind: 'committed' }> | undefined
      for (const file of files) outcome = await append(table, [file])
      if (!outcome) throw new Error('nothing was committed')
      expect((await table.manifests(outcome.version, outcome.snapshot)).length).toBeLessThan(14)
      expect(await livePaths(await open())).toEqual(files.map(({ path }) => path).sort())
    })
  })
}
