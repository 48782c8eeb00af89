import type { LakeTable, PinnedTable, TableDefinition } from '@assay/pipeline'
import type { Lake } from './lake.js'

/** A table of the lake as it stands; undefined for one that no worker has made yet. Makes none. */
export async function pinExisting(
  lake: Lake,
  definition: TableDefinition,
): Promise<{ readonly table: LakeTable; readonly pinned: PinnedTable } | undefined> {
  if (!(await lake.catalog.load(definition.name))) return undefined
  const table = await lake.table(definition)
  return { table, pinned: await table.pin() }
}
