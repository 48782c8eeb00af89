import { quoteIdentifier } from '@assay/engine'
import { planFiles } from '@assay/iceberg'
import { type Lake, pinExisting } from '@assay/lake'
import type { View } from '@assay/medallion'
import { type PinnedTable, type ScanFile, scanSql, type TableDefinition } from '@assay/pipeline'
import { type AsOf, emptyNoteOf, type Moment, momentOf, noteOf, snapshotAt } from './as-of.js'
import type { DefinedView, Reads } from './protocol/messages.js'

/** Names of all tables and views that a statement may read. */
export function readableNames(lake: Lake): string[] {
  return [...lake.definitions, ...viewsOf(lake)].map(({ name }) => name)
}

function viewsOf({ layers, exchanges }: Lake): View[] {
  return layers.flatMap((layer) => layer.views(exchanges))
}

interface ViewRequest {
  /** The tables and views that are read; only these are pinned. */
  readonly names: readonly string[]
  /** With all others, too, as empty ones: for a statement that asks which there are. */
  readonly isCatalogRead: boolean
  readonly asOf?: AsOf
  /** Told where the tables are shown as of another time than the one asked for, or were empty then. */
  readonly onNote?: (note: string) => void
}

/** One snapshot of each table that is read, as views, then the views for people over them (Q2). */
export async function planViews(lake: Lake, { names, isCatalogRead, asOf, onNote }: ViewRequest): Promise<Reads> {
  const views = viewsOf(lake).filter(({ name }) => isCatalogRead || names.includes(name))
  const read = new Set([...names, ...views.filter(({ name }) => names.includes(name)).flatMap(({ reads }) => reads)])
  const pinned = await pinTables(lake, asOf?.kind === 'snapshot' ? undefined : read)
  const moment = asOf && momentIn(lake, asOf, pinned, read)
  const note = moment && noteOf(moment)
  if (note !== undefined) onNote?.(note)
  const shown = new Set([...read, ...views.flatMap((view: View) => view.reads)])
  const tables = await Promise.all(
    lake.definitions
      .filter(({ name }) => isCatalogRead || shown.has(name))
      .map(async (definition) => {
        const pin = read.has(definition.name) ? pinned.get(definition.name) : undefined
        const files = pin ? await filesOf(lake, definition, pin, moment, onNote) : []
        return { view: { name: definition.name, select: selectOf(definition, files) }, files }
      }),
  )
  return {
    views: [...tables.map(({ view }) => view), ...views.map(({ name, select }): DefinedView => ({ name, select }))],
    files: [...new Set(tables.flatMap(({ files }) => files.flatMap(({ path, deletes }) => [path, ...deletes])))],
  }
}

/**
 * Downstream tables first, so that whatever one of them shows is in the tables that it came from. All of them where a
 * snapshot is to be found that may be any table's.
 */
async function pinTables(lake: Lake, names: ReadonlySet<string> | undefined): Promise<Map<string, PinnedTable>> {
  const pinned = new Map<string, PinnedTable>()
  for (const definition of [...lake.definitions].reverse()) {
    if (names && !names.has(definition.name)) continue
    const existing = await pinExisting(lake, definition)
    if (existing) pinned.set(definition.name, existing.pinned)
  }
  return pinned
}

function momentIn(
  { clock }: Lake,
  asOf: AsOf,
  pinned: ReadonlyMap<string, PinnedTable>,
  read: ReadonlySet<string>,
): Moment {
  const all = [...pinned.values()].map(({ version }) => version.metadata)
  const shown = [...pinned].filter(([name]) => read.has(name)).map(([, { version }]) => version.metadata)
  return momentOf(asOf, all, shown, clock.now_ms())
}

async function filesOf(
  lake: Lake,
  definition: TableDefinition,
  { version }: PinnedTable,
  moment: Moment | undefined,
  onNote: ViewRequest['onNote'],
): Promise<ScanFile[]> {
  const lakeTable = await lake.table(definition)
  const snapshot = moment && snapshotAt(definition.name, version.metadata, moment)
  if (moment && !snapshot) {
    const note = emptyNoteOf(definition.name, version.metadata, moment)
    if (note !== undefined) onNote?.(note)
    return []
  }
  const planned = await planFiles(lakeTable.table, version, snapshot ? { snapshotId: snapshot.snapshotId } : {})
  return Promise.all(planned.map((file) => lakeTable.scanFile(file)))
}

/** Names the columns, so that the view gives the table's own even where a file has more. */
function selectOf(definition: TableDefinition, files: readonly ScanFile[]): string {
  return `SELECT ${definition.columns.map(({ name }) => quoteIdentifier(name)).join(', ')} FROM (${scanSql(definition, files)})`
}
