import { VERSION } from '@assay/core'
import type { DataFile } from './data-file.js'
import { liveFiles } from './manifest-entries.js'
import type { ManifestFile } from './manifest-list.js'
import type { Snapshot } from './metadata.js'
import { partitionKey } from './partition.js'

export const ENGINE_NAME = 'assay'
/** By this member other versions see that the writer keeps columns which it does not know. */
export const VERSION_KEY = 'assay.version'
const ENGINE = { 'engine-name': ENGINE_NAME, 'engine-version': VERSION, [VERSION_KEY]: VERSION }

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}

/** Counts that are zero are left out, as other writers do. */
function counted(entries: Readonly<Record<string, number>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(entries)
      .filter(([, count]) => count !== 0)
      .map(([key, count]) => [key, String(count)]),
  )
}

/** A snapshot that is being made. */
interface Summarized {
  readonly operation: string
  readonly parent: Snapshot | undefined
  readonly manifests: readonly ManifestFile[]
  readonly added: readonly DataFile[]
  readonly removed: readonly DataFile[]
  /** What the committer says of it beside. */
  readonly own: Readonly<Record<string, string>>
}

/**
 * The summary of a snapshot (specification, "Snapshots", optional fields). Totals come from the manifest list itself.
 */
export function summarize({ operation, parent, manifests, added, removed, own }: Summarized): Record<string, string> {
  const data = manifests.filter(({ content }) => content === 'data')
  const deletes = manifests.filter(({ content }) => content === 'deletes')
  const addedSize = sum(added, (file) => file.size_bytes)
  const removedSize = sum(removed, (file) => file.size_bytes)
  const before = parent ? parent.summary['total-files-size'] : '0'
  const partitions = new Set([...added, ...removed].map((file) => partitionKey(file.specId, file.partition)))
  return {
    ...own,
    operation,
    ...ENGINE,
    ...counted({
      'added-data-files': added.length,
      'added-records': sum(added, (file) => file.recordCount),
      'added-files-size': addedSize,
      'deleted-data-files': removed.length,
      'deleted-records': sum(removed, (file) => file.recordCount),
      'removed-files-size': removedSize,
    }),
    'changed-partition-count': String(partitions.size),
    'total-data-files': String(sum(data, liveFiles)),
    'total-records': String(sum(data, (manifest) => manifest.addedRows + manifest.existingRows)),
    'total-delete-files': String(sum(deletes, liveFiles)),
    'total-position-deletes': parent?.summary['total-position-deletes'] ?? '0',
    'total-equality-deletes': parent?.summary['total-equality-deletes'] ?? '0',
    ...(before === undefined ? {} : { 'total-files-size': String(Number(before) + addedSize - removedSize) }),
  }
}
