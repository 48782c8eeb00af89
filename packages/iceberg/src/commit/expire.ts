import { AssayError } from '@assay/core'
import type { TableVersion } from '../catalog/catalog.js'
import { isLive } from '../format/manifest-entries.js'
import type { ManifestFile } from '../format/manifest-list.js'
import { ancestors, mayDeleteFiles, type Snapshot } from '../format/metadata.js'
import type { Table } from '../table/table.js'

/** Snapshots to forget and the files that nothing names after that. */
export interface Expiry {
  readonly snapshots: ReadonlySet<bigint>
  readonly paths: readonly string[]
}

/**
 * Main's snapshots past both limits of the policy, when there are enough of them to be worth an expiry. Heads of
 * other refs stay, and so does what is not on main: whoever made that minds it.
 */
export function expirable(table: Table, base: TableVersion, now_ms: number): readonly Snapshot[] {
  if (!mayDeleteFiles(base.metadata)) return []
  const { snapshotsToKeep, snapshotsKept_ms, snapshotsToExpire } = table.housekeeping
  const before_ms = now_ms - snapshotsKept_ms
  const aged = base.metadata.snapshots.filter(({ timestamp_ms }) => timestamp_ms < before_ms)
  // Most commits end here, before history is walked.
  if (aged.length < snapshotsToExpire) return []
  const heads = new Set(Object.values(base.metadata.refs).map((ref) => ref.snapshotId))
  // The commit in hand adds one to the newest.
  const beyond = [...ancestors(base.metadata)].slice(snapshotsToKeep - 1)
  const old = beyond.filter(({ snapshotId, timestamp_ms }) => timestamp_ms < before_ms && !heads.has(snapshotId))
  return old.length < snapshotsToExpire ? [] : old
}

/** Finds what an expiry sets free: manifest lists, manifests, and data files that later snapshots had taken out. */
export async function planExpiry(table: Table, base: TableVersion, expired: readonly Snapshot[]): Promise<Expiry> {
  const snapshots = new Set(expired.map(({ snapshotId }) => snapshotId))
  const main = new Set([...ancestors(base.metadata)].map(({ snapshotId }) => snapshotId))
  const kept = base.metadata.snapshots.filter(({ snapshotId }) => !snapshots.has(snapshotId))
  // A manifest is in an unbroken run of main's snapshots, so those next to the expired ones answer for all later ones.
  const guards = kept.filter(
    ({ snapshotId, parentId }) =>
      !main.has(snapshotId) || parentId === undefined || !main.has(parentId) || snapshots.has(parentId),
  )
  const guarded = new Set<string>()
  for (const guard of guards) for (const { path } of await manifestsIfThere(table, base, guard)) guarded.add(path)
  const paths = new Set<string>()
  for (const snapshot of expired) {
    paths.add(snapshot.manifestList)
    for (const { path } of await manifestsIfThere(table, base, snapshot)) if (!guarded.has(path)) paths.add(path)
  }
  for (const snapshot of base.metadata.snapshots) {
    if (!main.has(snapshot.snapshotId) || snapshot.parentId === undefined || !snapshots.has(snapshot.parentId)) continue
    const older = guards.filter(({ sequenceNumber }) => sequenceNumber < snapshot.sequenceNumber)
    for (const path of await takenOutBy(table, base, snapshot, older)) paths.add(path)
  }
  return { snapshots, paths: [...paths] }
}

/**
 * Manifests of a snapshot that another engine may have half cleaned up. Taking too little as named is no danger
 * here: the clean-up asks all snapshots once more before it deletes.
 */
async function manifestsIfThere(
  table: Table,
  base: TableVersion,
  snapshot: Snapshot,
): Promise<readonly ManifestFile[]> {
  try {
    return await table.manifests(base, snapshot)
  } catch (error) {
    if (error instanceof AssayError && error.code === 'snapshot_gone') return []
    throw error
  }
}

/** Data files that a snapshot removed, except those that an older snapshot which stays (a tag, a branch) still shows. */
async function takenOutBy(
  table: Table,
  base: TableVersion,
  snapshot: Snapshot,
  older: readonly Snapshot[],
): Promise<readonly string[]> {
  const paths = new Set<string>()
  for (const manifest of await manifestsIfThere(table, base, snapshot)) {
    if (manifest.addedSnapshotId !== snapshot.snapshotId || manifest.deletedFiles === 0) continue
    for (const entry of (await table.manifest(base, manifest)).entries) if (!isLive(entry)) paths.add(entry.file.path)
  }
  if (paths.size === 0) return []
  for (const guard of older) {
    for (const manifest of await manifestsIfThere(table, base, guard)) {
      for (const entry of (await table.manifest(base, manifest)).entries)
        if (isLive(entry)) paths.delete(entry.file.path)
    }
  }
  return [...paths]
}
