import { ancestors, type TableMetadata } from '../format/metadata.js'

/** How the table stands to a snapshot that was once its head. */
type Ancestry =
  | 'same'
  | 'ancestor'
  /** Main went on without the snapshot: the table was rolled back. */
  | 'rolled_back'
  /** Main's history was cut by expiry before it reaches back so far. */
  | 'unknown'

/** Walks main's parents until the snapshot, or one that is not newer than it and is another one. */
export function ancestry(
  metadata: TableMetadata,
  last: { readonly snapshotId: bigint; readonly sequenceNumber: number },
): Ancestry {
  if (metadata.currentSnapshotId === undefined) return 'rolled_back'
  if (metadata.currentSnapshotId === last.snapshotId) return 'same'
  let oldest: bigint | undefined
  for (const { snapshotId, sequenceNumber, parentId } of ancestors(metadata)) {
    if (snapshotId === last.snapshotId) return 'ancestor'
    if (sequenceNumber <= last.sequenceNumber) return 'rolled_back'
    oldest = parentId
  }
  // The parent of the oldest one kept is named although it has expired.
  if (oldest === last.snapshotId) return 'ancestor'
  return 'unknown'
}
