import type { Manifest, ManifestEntry } from './manifest.js'
import type { ManifestFile } from './manifest-list.js'
import { type PartitionColumn, summarizePartitions } from './partition.js'

/** An entry after inheritance. */
export interface ResolvedEntry extends ManifestEntry {
  readonly snapshotId: bigint
  readonly sequenceNumber: number
}

/**
 * Gives an entry what it inherits from its manifest. Sequence numbers are inherited by ADDED entries, and by all
 * entries of a manifest from before version 2 (whose number is 0); others keep what they say, and an EXISTING entry
 * without a file sequence number stays without one.
 */
export function resolveEntry(entry: ManifestEntry, manifest: ManifestFile): ResolvedEntry {
  const inherits = entry.status === 'added' || manifest.sequenceNumber === 0
  return {
    ...entry,
    snapshotId: entry.snapshotId ?? manifest.addedSnapshotId,
    sequenceNumber: entry.sequenceNumber ?? (inherits ? manifest.sequenceNumber : 0),
    fileSequenceNumber: entry.fileSequenceNumber ?? (inherits ? manifest.sequenceNumber : undefined),
  }
}

export function isLive(entry: ManifestEntry): boolean {
  return entry.status !== 'deleted'
}

/** Live entries of a manifest, as EXISTING ones of another. */
export function survivors(manifest: Manifest, described: ManifestFile): ResolvedEntry[] {
  return manifest.entries.filter(isLive).map((entry) => ({ ...resolveEntry(entry, described), status: 'existing' }))
}

/** The line of a manifest list for a data manifest that a snapshot writes. */
export function describeManifest(
  manifest: Manifest,
  written: { readonly path: string; readonly length_bytes: number },
  snapshot: { readonly snapshotId: bigint; readonly sequenceNumber: number },
  columns: readonly PartitionColumn[],
): ManifestFile {
  const counts = { existing: 0, added: 0, deleted: 0 }
  const rows = { existing: 0, added: 0, deleted: 0 }
  let least = snapshot.sequenceNumber
  for (const entry of manifest.entries) {
    counts[entry.status] += 1
    rows[entry.status] += entry.file.recordCount
    if (isLive(entry)) least = Math.min(least, entry.sequenceNumber ?? snapshot.sequenceNumber)
  }
  return {
    path: written.path,
    length_bytes: written.length_bytes,
    specId: manifest.specId,
    content: 'data',
    sequenceNumber: snapshot.sequenceNumber,
    minSequenceNumber: least,
    addedSnapshotId: snapshot.snapshotId,
    addedFiles: counts.added,
    existingFiles: counts.existing,
    deletedFiles: counts.deleted,
    addedRows: rows.added,
    existingRows: rows.existing,
    deletedRows: rows.deleted,
    partitions: summarizePartitions(
      columns,
      manifest.entries.map(({ file }) => file.partition),
    ),
    keyMetadata: undefined,
  }
}

export function liveFiles(manifest: ManifestFile): number {
  return manifest.addedFiles + manifest.existingFiles
}
