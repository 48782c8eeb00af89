import { quoteIdentifier } from '@assay/engine'
import { planFiles } from '@assay/iceberg'
import type { Lake } from '@assay/lake'
import { pinExisting } from '@assay/lake'
import { type PinnedTable, type ScanFile, scanSql, type TableDefinition } from '@assay/pipeline'
import { type AsOf, snapshotAt, timeOf } from './as-of.js'
import { peopleViews, type View } from './views.js'

/** One snapshot of each table, as views: the tables' own, then those for people (Q2). */
export async function planViews(lake: Lake, asOf: AsOf | undefined): Promise<View[]> {
  const pinned = await pinTables(lake)
  const time_ms =
    asOf &&
    timeOf(
      asOf,
      [...pinned.values()].map(({ version }) => version.metadata),
    )
  const tables = await Promise.all(
    lake.definitions.map(async (definition) => {
      const pin = pinned.get(definition.name)
      const files = pin ? await filesOf(lake, definition, pin, time_ms) : []
      return { name: definition.name, select: selectOf(definition, files) }
    }),
  )
  return [...tables, ...peopleViews(lake.exchanges)]
}

/** Downstream tables first, so that whatever one of them shows is in the tables that it came from. */
async function pinTables(lake: Lake): Promise<Map<string, PinnedTable>> {
  const pinned = new Map<string, PinnedTable>()
  for (const definition of [...lake.definitions].reverse()) {
    const existing = await pinExisting(lake, definition)
    if (existing) pinned.set(definition.name, existing.pinned)
  }
  return pinned
}

async function filesOf(
  lake: Lake,
  definition: TableDefinition,
  { version }: PinnedTable,
  time_ms: number | undefined,
): Promise<ScanFile[]> {
  const lakeTable = await lake.table(definition)
  const snapshot = time_ms === undefined ? undefined : snapshotAt(definition.name, version.metadata, time_ms)
  if (time_ms !== undefined && !snapshot) return []
  const planned = await planFiles(lakeTable.table, version, snapshot ? { snapshotId: snapshot.snapshotId } : {})
  return Promise.all(planned.map((file) => lakeTable.scanFile(file)))
}

/** Names the columns, so that the view gives the table's own even where a file has more. */
function selectOf(definition: TableDefinition, files: readonly ScanFile[]): string {
  return `SELECT ${definition.columns.map(({ name }) => quoteIdentifier(name)).join(', ')} FROM (${scanSql(definition, files)})`
}
