import { AssayError } from '@assay/core'
import type { TableVersion } from '../catalog/catalog.js'
import { isLive } from '../format/manifest-entries.js'
import type { ManifestFile } from '../format/manifest-list.js'
import { ancestors, MAIN_BRANCH, type Snapshot, type TableMetadata } from '../format/metadata.js'
import { mayDeleteFiles } from '../table/policy.js'
import type { Table } from '../table/table.js'
import { elapsedOf } from '../table/table-time.js'

/** Snapshots to forget and the files that nothing names after that. */
interface Expiry {
  readonly snapshots: ReadonlySet<bigint>
  readonly paths: readonly string[]
}

/** Main's snapshots beyond so many times those to keep expire whatever their age is said to be: count decides. */
const KEPT_BY_AGE_FACTOR = 5

/**
 * Main's snapshots past both limits of the policy, when there are enough of them to be worth an expiry, and those that
 * only `dropped` tags still name. Heads of other refs stay, what those refs say they keep, and what is not on main:
 * whoever made that minds it. Ages are differences of the table's own time, so no wall clock brings anything on or
 * stops it.
 */
export function expirable(table: Table, base: TableVersion, dropped: readonly string[] = []): readonly Snapshot[] {
  if (!mayDeleteFiles(base.metadata)) return []
  const { snapshotsToKeep, snapshotsToExpire } = table.maintenance
  const untagged = droppedSnapshots(base.metadata, dropped)
  // The commit in hand adds one to the newest.
  const least = snapshotsToKeep - 1 + snapshotsToExpire
  if (base.metadata.snapshots.length < least) return untagged
  const old = agedSnapshots(table, base, dropped)
  return old.length < snapshotsToExpire ? untagged : [...old, ...untagged]
}

function agedSnapshots(table: Table, base: TableVersion, dropped: readonly string[]): readonly Snapshot[] {
  const { metadata } = base
  const { snapshotsToKeep, snapshotsKept_ms } = table.maintenance
  const now_ms = table.time.now_ms(base)
  const kept = keptByRefs(metadata, new Set(dropped))
  const old: Snapshot[] = []
  let committed_ms = now_ms
  let index = 0
  for (const snapshot of ancestors(metadata)) {
    // A snapshot of another engine is as young as the next one that knows its time.
    committed_ms = elapsedOf(snapshot, table.propertyPrefix) ?? committed_ms
    index += 1
    if (index < snapshotsToKeep || kept.has(snapshot.snapshotId)) continue
    const isBeyond = index >= snapshotsToKeep * KEPT_BY_AGE_FACTOR
    if (isBeyond || now_ms - committed_ms > snapshotsKept_ms) old.push(snapshot)
  }
  return old
}

/** What tags and branches keep: their heads, and of a branch as many of its snapshots as it says. */
function keptByRefs(metadata: TableMetadata, dropped: ReadonlySet<string>): ReadonlySet<bigint> {
  const kept = new Set<bigint>()
  const time_ms = metadata.lastUpdated_ms
  for (const [name, { snapshotId, type, extra }] of Object.entries(metadata.refs)) {
    if (dropped.has(name)) continue
    kept.add(snapshotId)
    const count = positive(extra?.['min-snapshots-to-keep'])
    const age_ms = positive(extra?.['max-snapshot-age-ms'])
    if (name === MAIN_BRANCH || type === 'tag' || (count === 0 && age_ms === 0)) continue
    let index = 0
    for (const snapshot of ancestors(metadata, snapshotId)) {
      index += 1
      if (index <= count || time_ms - snapshot.timestamp_ms < age_ms) kept.add(snapshot.snapshotId)
    }
  }
  return kept
}

function positive(value: unknown): number {
  return typeof value === 'number' && value > 0 ? value : 0
}

/** Snapshots of dropped tags that nothing else holds: no other ref and no branch's history. */
function droppedSnapshots(metadata: TableMetadata, dropped: readonly string[]): readonly Snapshot[] {
  if (dropped.length === 0) return []
  const isDropped = new Set(dropped)
  const retained = new Set<bigint>()
  for (const [name, { snapshotId }] of Object.entries(metadata.refs)) {
    if (isDropped.has(name)) continue
    for (const snapshot of ancestors(metadata, snapshotId)) retained.add(snapshot.snapshotId)
  }
  const freed = new Set(dropped.map((name) => metadata.refs[name]?.snapshotId))
  return metadata.snapshots.filter(({ snapshotId }) => freed.has(snapshotId) && !retained.has(snapshotId))
}

/** Finds what an expiry sets free: manifest lists, manifests, and data files that later snapshots had taken out. */
export async function planExpiry(table: Table, base: TableVersion, expired: readonly Snapshot[]): Promise<Expiry> {
  const snapshots = new Set(expired.map(({ snapshotId }) => snapshotId))
  const main = new Set([...ancestors(base.metadata)].map(({ snapshotId }) => snapshotId))
  const kept = base.metadata.snapshots.filter(({ snapshotId }) => !snapshots.has(snapshotId))
  // A manifest or file is in an unbroken run of main's snapshots, so those next to the expired ones, before and behind,
  // answer for all others.
  const before = new Set(expired.map(({ parentId }) => parentId))
  const guards = kept.filter(
    ({ snapshotId, parentId }) =>
      !main.has(snapshotId) ||
      before.has(snapshotId) ||
      parentId === undefined ||
      !main.has(parentId) ||
      snapshots.has(parentId),
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
  // What main had taken out long ago, and only a tag still showed.
  const apart = expired.filter(({ snapshotId }) => !main.has(snapshotId))
  for (const path of await onlyShownBy(table, base, apart, guards)) paths.add(path)
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

/**
 * Data files that a snapshot removed, except those that an older snapshot which stays (a tag, a branch) still shows.
 */
async function takenOutBy(
  table: Table,
  base: TableVersion,
  snapshot: Snapshot,
  older: readonly Snapshot[],
): Promise<Iterable<string>> {
  const paths = new Set<string>()
  let least = Number.POSITIVE_INFINITY
  for (const manifest of await manifestsIfThere(table, base, snapshot)) {
    if (manifest.addedSnapshotId !== snapshot.snapshotId || manifest.deletedFiles === 0) continue
    for (const entry of (await table.manifest(base, manifest)).entries) {
      if (isLive(entry)) continue
      paths.add(entry.file.path)
      least = Math.min(least, entry.fileSequenceNumber ?? 0)
    }
  }
  // A snapshot from before the oldest of them was added cannot show any.
  const guards = older.filter(({ sequenceNumber }) => sequenceNumber >= least)
  return withoutShown(table, base, paths, guards)
}

/** Data files that the snapshots show and none of the guards does. */
async function onlyShownBy(
  table: Table,
  base: TableVersion,
  snapshots: readonly Snapshot[],
  guards: readonly Snapshot[],
): Promise<Iterable<string>> {
  const paths = new Set<string>()
  for (const snapshot of snapshots) {
    for (const manifest of await manifestsIfThere(table, base, snapshot)) {
      for (const entry of (await table.manifest(base, manifest)).entries) if (isLive(entry)) paths.add(entry.file.path)
    }
  }
  return withoutShown(table, base, paths, guards)
}

async function withoutShown(
  table: Table,
  base: TableVersion,
  paths: Set<string>,
  guards: readonly Snapshot[],
): Promise<Iterable<string>> {
  const asked = new Set<string>()
  for (const guard of paths.size === 0 ? [] : guards) {
    for (const manifest of await manifestsIfThere(table, base, guard)) {
      if (asked.has(manifest.path)) continue
      asked.add(manifest.path)
      for (const entry of (await table.manifest(base, manifest)).entries)
        if (isLive(entry)) paths.delete(entry.file.path)
    }
  }
  return paths
}
