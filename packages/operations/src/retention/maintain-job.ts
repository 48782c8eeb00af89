import { UsageError } from '@assay/core'
import {
  type CompactionPolicy,
  collect,
  commit,
  defaultCompaction,
  expirable,
  expiredFilesEntries,
  FileSystemCatalog,
  pendingEntries,
  removeOrphans,
} from '@assay/iceberg'
import type { Lake } from '@assay/lake'
import { ofTable, pinExisting, type TableProblem } from '@assay/lake'
import {
  compactSmallFiles,
  dueCompactions,
  type LakeTable,
  type PinnedTable,
  type TableDefinition,
} from '@assay/pipeline'
import { throwIfStopped, withJobContext } from '../dead-letters/job-context.js'

/** Maintenance tasks over whole tables; each counts only when it is dry. */
export type MaintenanceTask = 'compact' | 'expire' | 'orphans'

export interface TableMaintenance {
  readonly table: string
  /** Groups of small files made into one each. */
  readonly compacted?: number
  /** Number of snapshots that expired. */
  readonly expired?: number
  /** Files that nothing named any more, deleted after their grace time. */
  readonly collected?: number
  /** Files that killed writers had left. */
  readonly orphans?: number
  /** Why the tasks of this table were not done, or not all. */
  readonly problem?: TableProblem
}

/** By hand, a partition of a few small files is worth compacting; the workers leave it until there are many. */
const COMPACTION_BY_HAND: CompactionPolicy = { ...defaultCompaction, smallFilesMax: 4 }

/** Does the tasks on every table that there is; `onTable` is told of each before. Throws `job_stopped` or `session_closed` on abort. */
export async function maintainTables(
  lake: Lake,
  tasks: ReadonlySet<MaintenanceTask>,
  dryRun: boolean,
  signal?: AbortSignal,
  onTable: (table: string, place: number, of: number) => void = () => undefined,
): Promise<TableMaintenance[]> {
  const reports: TableMaintenance[] = []
  for (const [i, definition] of lake.definitions.entries()) {
    onTable(definition.name, i + 1, lake.definitions.length)
    const report = await ofTable(definition, () => maintainTable(lake, definition, tasks, { dryRun, signal }))
    if ('problem' in report) reports.push({ table: definition.name, problem: report.problem })
    else if (report.value) reports.push(report.value)
  }
  return reports
}

async function maintainTable(
  lake: Lake,
  definition: TableDefinition,
  tasks: ReadonlySet<MaintenanceTask>,
  { dryRun, signal }: { readonly dryRun: boolean; readonly signal: AbortSignal | undefined },
): Promise<TableMaintenance | undefined> {
  throwIfStopped(signal)
  const existing = await pinExisting(lake, definition)
  if (!existing) return undefined
  const { table } = existing
  return {
    table: definition.name,
    ...(tasks.has('compact') && { compacted: await compact(lake, table, dryRun, signal) }),
    ...(tasks.has('expire') && (await expire(table, dryRun))),
    ...(tasks.has('orphans') && { orphans: await orphans(lake, table, dryRun) }),
  }
}

async function compact(
  lake: Lake,
  table: LakeTable,
  dryRun: boolean,
  signal: AbortSignal | undefined,
): Promise<number> {
  if (dryRun) return (await dueCompactions(table, COMPACTION_BY_HAND)).tasks.length
  return withJobContext(lake, undefined, ({ session }) => compactSmallFiles(table, session, COMPACTION_BY_HAND), signal)
}

/**
 * Snapshots expire within commits, by the table's policy: a commit that changes nothing lets those that are due. Files
 * that wait for their grace time are a reason for one, too, since the table's own time goes on with its commits.
 */
async function expire({ table }: LakeTable, dryRun: boolean): Promise<Pick<TableMaintenance, 'expired' | 'collected'>> {
  const version = await table.load()
  const { metadata } = version
  const old = expirable(table, version)
  if (dryRun) return { expired: old.length }
  const isWaited = expiredFilesEntries(metadata, table.propertyPrefix).length > 0
  if (old.length > 0 || isWaited)
    await commit(table, { prepare: () => ({ kind: 'proceed', change: { operation: 'replace' } }) })
  const left = new Set((await table.load()).metadata.snapshots.map(({ snapshotId }) => snapshotId))
  const { files, metadataVersions } = await collect(table)
  return {
    expired: metadata.snapshots.filter(({ snapshotId }) => !left.has(snapshotId)).length,
    collected: files.length + metadataVersions.length,
  }
}

async function orphans(lake: Lake, table: LakeTable, dryRun: boolean): Promise<number> {
  const keep = await keptPaths(lake, table)
  return (await removeOrphans(table.table, { keep, dryRun })).length
}

/**
 * What the table's metadata does not name and yet is needed: files of its state, and what outboxes have pending for it.
 */
async function keptPaths(lake: Lake, table: LakeTable): Promise<Set<string>> {
  const pinned = await table.pin()
  const { version } = pinned
  const keep = new Set(table.statePaths(pinned))
  for (const definition of lake.definitions) {
    const main = await pinExisting(lake, definition)
    for (const manifest of main ? pendingManifests(main, table.definition.name) : []) {
      keep.add(manifest)
      const { entries } = await table.table.manifest(version, {
        path: manifest,
        specId: version.metadata.defaultSpecId,
      })
      for (const { file } of entries) keep.add(file.path)
    }
  }
  return keep
}

function pendingManifests(main: { readonly table: LakeTable; readonly pinned: PinnedTable }, side: string): string[] {
  return pendingEntries(main.pinned.version.metadata, main.table.table.propertyPrefix)
    .filter((entry) => entry.table === side)
    .map((entry) => entry.manifest)
}

/** Stops Assay's own commits, so that another engine may write, or lets them go on. Throws `no_pause_needed`. */
export async function setPaused(lake: Lake, isPaused: boolean): Promise<void> {
  const { catalog } = lake
  if (!(catalog instanceof FileSystemCatalog)) {
    throw new UsageError('no_pause_needed', 'the catalog of this lake lets several engines write at any time', {
      hint: 'let the other engine write; nothing needs to be paused',
    })
  }
  if (isPaused) await catalog.pause('assay maintain --pause')
  else await catalog.resume()
}
