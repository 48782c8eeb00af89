import { ancestors, currentSnapshot, type Snapshot, type TableMetadata } from '../format/metadata.js'

/** What the table says, read back, of a commit whose answer was lost. */
type ReadBackOutcome =
  | 'committed'
  /** Main is where it was: the commit has not taken place, but a request on its way still may. */
  | 'absent'
  /** Main has gone on without it, so it never will. */
  | 'conflict'
  /** History does not reach back far enough to tell. */
  | 'unknown'

/** The snapshot that a commit adds as main's head, by which it is known again. */
export function ourSnapshot(base: TableMetadata, next: TableMetadata): Snapshot | undefined {
  const head = currentSnapshot(next)
  return base.snapshots.some(({ snapshotId }) => snapshotId === head?.snapshotId) ? undefined : head
}

export function commitOutcome(
  found: TableMetadata | undefined,
  base: TableMetadata,
  ours: Snapshot | undefined,
): ReadBackOutcome {
  if (!found || found.tableUuid !== base.tableUuid) return 'conflict'
  const isOurs = (one: Snapshot): boolean =>
    one.snapshotId === ours?.snapshotId && one.manifestList === ours.manifestList
  if (found.snapshots.some(isOurs)) return 'committed'
  if (found.currentSnapshotId === base.currentSnapshotId) return ours ? 'absent' : 'unknown'
  let oldest: Snapshot | undefined
  for (const snapshot of ancestors(found)) {
    if (snapshot.snapshotId === base.currentSnapshotId) return 'conflict'
    oldest = snapshot
  }
  // The parent of the oldest one kept is named although it has expired.
  if (oldest?.parentId === undefined) return 'unknown'
  if (oldest.parentId === ours?.snapshotId) return 'committed'
  return oldest.parentId === base.currentSnapshotId ? 'conflict' : 'unknown'
}
