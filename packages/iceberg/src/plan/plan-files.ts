import { AssayError } from '@assay/core'
import type { TableVersion } from '../catalog/catalog.js'
import { keyOfPath } from '../catalog/paths.js'
import type { DataFile } from '../format/data-file.js'
import { isLive, liveFiles, type ResolvedEntry, resolveEntry } from '../format/manifest-entries.js'
import type { ManifestFile } from '../format/manifest-list.js'
import { currentSchema, currentSnapshot, type Snapshot } from '../format/metadata.js'
import type { PartitionColumn } from '../format/partition.js'
import type { Value } from '../format/values.js'
import { columnsOf, type Table } from '../table/table.js'
import { PositionDeletes } from './position-deletes.js'
import { type ColumnRange, fileMeets, manifestMeets, partitionMeets } from './ranges.js'

/** A file to read. */
export interface PlannedFile {
  readonly file: DataFile
  /** Key of the file in the store. */
  readonly key: string
  /** Data sequence number. */
  readonly sequenceNumber: number
  /** When the file itself came into the table; undefined where a rewriting engine left it out. */
  readonly fileSequenceNumber: number | undefined
  readonly snapshotId: bigint
  /** Position-delete files to apply; paths in them are those of `file.path`. */
  readonly deletes: readonly { readonly file: DataFile; readonly key: string }[]
}

interface PlanOptions {
  /** A snapshot of the version; the newest unless given. Throws `snapshot_unknown` for one that is not in it. */
  readonly snapshotId?: bigint
  /** Only files that came into the table after this sequence number, and those of which that is not known. */
  readonly afterFileSequence?: number
  /** Only files whose partition values, by field name, pass. */
  readonly partition?: (values: Readonly<Record<string, Value | null>>) => boolean
  /** Only files that may hold rows within all of these ranges. */
  readonly ranges?: readonly ColumnRange[]
}

/**
 * Live data files of a snapshot. Throws `snapshot_gone` (retryable: plan again from a fresh version) when a clean-up
 * was faster, and `equality_deletes_unsupported`.
 */
export async function planFiles(
  table: Table,
  version: TableVersion,
  options: PlanOptions = {},
): Promise<PlannedFile[]> {
  const snapshot = chosenSnapshot(version, options.snapshotId)
  const manifests = (await table.manifests(version, snapshot)).filter((manifest) => liveFiles(manifest) > 0)
  const deletes = await positionDeletes(table, version, manifests)
  const schema = currentSchema(version.metadata)
  const columnsFor = columnsOf(version.metadata)
  const { afterFileSequence = -1, partition, ranges = [] } = options
  const planned: PlannedFile[] = []
  for (const manifest of manifests) {
    if (manifest.content !== 'data' || manifest.sequenceNumber <= afterFileSequence) continue
    const columns = columnsFor(manifest.specId)
    if (!ranges.every((range) => manifestMeets(columns, manifest, range))) continue
    for (const entry of (await table.manifest(version, manifest)).entries) {
      if (!isLive(entry)) continue
      const { file } = entry
      const resolved = resolveEntry(entry, manifest)
      if ((resolved.fileSequenceNumber ?? Number.POSITIVE_INFINITY) <= afterFileSequence) continue
      if (!ranges.every((range) => partitionMeets(columns, file, range) && fileMeets(schema, file, range))) continue
      if (partition && !partition(partitionRecord(columns, file))) continue
      planned.push(plannedFile(version, resolved, deletes))
    }
  }
  return planned
}

function chosenSnapshot({ metadata }: TableVersion, id: bigint | undefined): Snapshot | undefined {
  if (id === undefined) return currentSnapshot(metadata)
  const found = metadata.snapshots.find(({ snapshotId }) => snapshotId === id)
  if (found) return found
  throw new AssayError('snapshot_unknown', `snapshot ${id} is not in the table`, {
    hint: 'it has expired, or never was; choose one that the table lists',
  })
}

async function positionDeletes(
  table: Table,
  version: TableVersion,
  manifests: readonly ManifestFile[],
): Promise<PositionDeletes> {
  const deletes = new PositionDeletes()
  for (const manifest of manifests) {
    if (manifest.content !== 'deletes') continue
    for (const entry of (await table.manifest(version, manifest)).entries) {
      if (isLive(entry)) deletes.add(resolveEntry(entry, manifest))
    }
  }
  return deletes
}

/** Partition values by field name. */
function partitionRecord(columns: readonly PartitionColumn[], file: DataFile): Readonly<Record<string, Value | null>> {
  return Object.fromEntries(columns.map(({ name }, i) => [name, file.partition[i] ?? null]))
}

function plannedFile(version: TableVersion, entry: ResolvedEntry, deletes: PositionDeletes): PlannedFile {
  return {
    file: entry.file,
    key: keyOfPath(version, entry.file.path),
    sequenceNumber: entry.sequenceNumber,
    fileSequenceNumber: entry.fileSequenceNumber,
    snapshotId: entry.snapshotId,
    deletes: deletes.of(entry).map((file) => ({ file, key: keyOfPath(version, file.path) })),
  }
}
