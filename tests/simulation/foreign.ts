import { commit, currentSnapshot, type PlannedFile, type TableMetadata } from '@assay/iceberg'
import type { Lake } from '@assay/lake'
import { type LakeTable, scanSql, type TableDefinition } from '@assay/pipeline'
import type { World } from './world.js'

/** Any change of a table's newest metadata, in one commit that makes no snapshot. */
export async function changeMetadata(
  table: LakeTable,
  change: (metadata: TableMetadata) => TableMetadata,
): Promise<void> {
  const { catalog, name } = table.table
  const base = await table.table.load()
  const outcome = await catalog.compareAndSwap(name, base, change(base.metadata))
  if (outcome.kind !== 'committed') throw new Error(`a change of ${name} ended in ${outcome.kind}`)
}

/** Moves main to a snapshot, all properties staying as they are. */
export function withHead(metadata: TableMetadata, snapshotId: bigint): TableMetadata {
  return { ...metadata, currentSnapshotId: snapshotId, refs: { main: { snapshotId, type: 'branch' } } }
}

/** A commit that changes no row; with a policy that keeps nothing it expires all other snapshots. */
export async function touch(table: LakeTable): Promise<void> {
  if (!currentSnapshot((await table.table.load()).metadata)) return
  await commit(table.table, { prepare: () => ({ kind: 'proceed', change: { operation: 'replace' } }) })
}

/** As another engine compacts: some files of a partition become one, whose rows lie in no order. */
export async function compactSome(lake: Lake, table: LakeTable, world: World): Promise<void> {
  const partitions = new Map<string, PlannedFile[]>()
  for (const planned of await table.plan(await table.table.load(), {})) {
    const key = planned.file.partition.join('/')
    partitions.set(key, [...(partitions.get(key) ?? []), planned])
  }
  const many = [...partitions.values()].filter((files) => files.length > 1)
  if (many.length === 0) return
  const files = world.oneOf(many).filter((_, i) => i < 2 || world.chance(0.7))
  const session = await (await lake.engine()).session()
  try {
    const scan = scanSql(table.definition, await Promise.all(files.map((file) => table.scanFile(file))))
    const shuffled = `SELECT * FROM (${scan}) t ORDER BY hash(t)`
    const file = await table.write(session, shuffled, partitionOf(table.definition, files[0] as PlannedFile))
    const removeFiles = files.map((planned) => planned.file.path)
    await commit(table.table, {
      prepare: () => ({ kind: 'proceed', change: { operation: 'replace', addFiles: file ? [file] : [], removeFiles } }),
    })
  } finally {
    await session.close()
  }
}

const DAY_MS = 86_400_000

function partitionOf(
  { partitionBy, columns }: TableDefinition,
  { file }: PlannedFile,
): Record<string, string | number> {
  return Object.fromEntries(
    partitionBy.map((name, i) => {
      const value = file.partition[i] as string | number
      const isDate = columns.some((column) => column.name === name && column.type === 'date')
      return [name, isDate ? new Date(Number(value) * DAY_MS).toISOString().slice(0, 10) : value]
    }),
  )
}
