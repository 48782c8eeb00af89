import { currentSnapshot, type TableMetadata } from '../format/metadata.js'

/** Whether `newer` was built upon `ours`; undefined when its history does not reach back far enough to tell. */
export function isBuiltUpon(newer: TableMetadata, ours: TableMetadata): boolean | undefined {
  const own = currentSnapshot(ours)
  if (!own) return undefined
  const byId = new Map(newer.snapshots.map((one) => [one.snapshotId, one]))
  if (byId.get(own.snapshotId)?.manifestList === own.manifestList) return true
  // Older snapshots that a tag keeps tell nothing: only an unbroken line to the place of ours does.
  for (let one = currentSnapshot(newer); one; one = one.parentId === undefined ? undefined : byId.get(one.parentId)) {
    if (one.sequenceNumber <= own.sequenceNumber || one.parentId === undefined) return false
  }
  return undefined
}
