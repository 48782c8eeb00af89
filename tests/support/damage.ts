import { quoteIdentifier } from '@assay/engine'
import {
  columnsOf,
  commit,
  currentSnapshot,
  type DataFile,
  keyOfPath,
  type ManifestFile,
  type PlannedFile,
} from '@assay/iceberg'
import type { Lake } from '@assay/lake'
import { CHECKPOINT_PROPERTY, type LakeTable, scanSql, type TableDefinition } from '@assay/pipeline'
import { readManifestList, writeManifestList } from '../../packages/iceberg/src/format/manifest-list.js'

/** SQL over `rows`, a file's rows with their number `rn` from 0, that gives what the file shall hold instead. */
export type Change = (columns: string) => string

/** Rows whose number passes are gone. */
export function without(condition: string): Change {
  return (columns) => `SELECT ${columns} FROM rows WHERE NOT (${condition})`
}

/** Rows whose number passes are there twice. */
export function doubled(condition: string): Change {
  return (columns) => `SELECT ${columns} FROM rows UNION ALL SELECT ${columns} FROM rows WHERE ${condition}`
}

/** A column has another value in the rows that pass. */
export function altered(column: string, value: string, condition: string): Change {
  const name = quoteIdentifier(column)
  return (columns) =>
    `SELECT ${columns} FROM (SELECT * REPLACE (CASE WHEN ${condition} THEN ${value} ELSE ${name} END AS ${name}) FROM rows)`
}

/** Rows that pass are as an earlier version wrote them: without the columns that later ones brought. */
export function asEarlier({ columns: all }: TableDefinition, condition: string): Change {
  const later = all.filter(({ facts }) => facts?.since !== undefined).map(({ name }) => quoteIdentifier(name))
  const lost = later.map((name) => `CASE WHEN ${condition} THEN NULL ELSE ${name} END AS ${name}`)
  return (columns) => `SELECT ${columns} FROM (SELECT * REPLACE (${lost.join(', ')}) FROM rows)`
}

/** Rewrites one file of a table as another engine might have, in a commit that keeps the table's properties. */
export async function rewriteFile(lake: Lake, definition: TableDefinition, change: Change, nth = 0): Promise<void> {
  const { table, file } = await fileOf(lake, definition, nth)
  const columns = definition.columns.map(({ name }) => quoteIdentifier(name)).join(', ')
  const session = await (await lake.engine()).session()
  try {
    const scan = scanSql(definition, [await table.scanFile(file)])
    const select = `WITH rows AS (SELECT *, row_number() OVER () - 1 AS rn FROM (${scan})) ${change(columns)}`
    const partition = Object.fromEntries(definition.partitionBy.map((name, i) => [name, partitionValue(file, i)]))
    const written = await table.write(session, select, partition)
    const outcome = await commit(table.table, {
      prepare: () => ({
        kind: 'proceed',
        change: { operation: 'overwrite', addFiles: written ? [written] : [], removeFiles: [file.file.path] },
      }),
    })
    if (outcome.kind !== 'committed') throw new Error(`the damage was ${outcome.kind}`)
  } finally {
    await session.close()
  }
}

function partitionValue({ file }: PlannedFile, i: number): string | number | null {
  const value = file.partition[i]
  return typeof value === 'number' || typeof value === 'string' ? value : null
}

/** A live file of a table as its manifest describes it, described otherwise. */
export async function describeFileAnew(
  lake: Lake,
  definition: TableDefinition,
  change: (file: DataFile) => Partial<DataFile>,
): Promise<void> {
  const { table, file } = await fileOf(lake, definition)
  const outcome = await commit(table.table, {
    prepare: () => ({
      kind: 'proceed',
      change: {
        operation: 'overwrite',
        addFiles: [{ ...file.file, ...change(file.file) }],
        removeFiles: [file.file.path],
      },
    }),
  })
  if (outcome.kind !== 'committed') throw new Error(`the damage was ${outcome.kind}`)
}

/** Writes the manifest list of a table's newest snapshot anew, with other lines. */
export async function rewriteManifestList(
  lake: Lake,
  definition: TableDefinition,
  change: (manifest: ManifestFile) => Partial<ManifestFile>,
): Promise<void> {
  const { table } = await lake.table(definition)
  const version = await table.load()
  const snapshot = currentSnapshot(version.metadata)
  if (!snapshot) throw new Error(`${definition.name} has no snapshot`)
  const key = keyOfPath(version, snapshot.manifestList)
  const columns = columnsOf(version.metadata)
  const manifests = readManifestList((await lake.store.get(key)) as Uint8Array, columns)
  const { snapshotId, parentId, sequenceNumber } = snapshot
  const lines = manifests.map((manifest) => ({ ...manifest, ...change(manifest) }))
  await lake.store.put(key, writeManifestList(lines, { snapshotId, parentId, sequenceNumber }, columns))
}

/** The nth live file of a table. */
export async function fileOf(
  lake: Lake,
  definition: TableDefinition,
  nth = 0,
): Promise<{ readonly table: LakeTable; readonly file: PlannedFile; readonly files: number }> {
  const table = await lake.table(definition)
  const files = await table.plan((await table.pin()).version, {})
  const file = files[nth % files.length]
  if (!file) throw new Error(`${definition.name} has no files`)
  return { table, file, files: files.length }
}

/** A checkpoint as it stands in the table's property. */
export interface CheckpointText {
  readonly lanes: Record<string, { position: string; sequence: number; greatest_us?: string; rules?: string }>
  readonly topics: Record<string, { topicId: string; laneId: number; logTopic: string }>
}

/** Changes the text of a table's checkpoint by hand. */
export async function editCheckpoint(
  lake: Lake,
  definition: TableDefinition,
  edit: (checkpoint: CheckpointText) => void,
): Promise<void> {
  const { table } = await lake.table(definition)
  await commit(table, {
    prepare: (base) => {
      const checkpoint = JSON.parse(base.properties[CHECKPOINT_PROPERTY] ?? '{}')
      edit(checkpoint)
      const setProperties = { [CHECKPOINT_PROPERTY]: JSON.stringify(checkpoint) }
      return { kind: 'proceed', change: { operation: 'append', setProperties } }
    },
  })
}
