import { AssayError, DEFECT_HINT } from '@assay/core'
import type { TableVersion } from '../catalog/catalog.js'
import type { Manifest } from '../format/manifest.js'
import { describeManifest, liveFiles } from '../format/manifest-entries.js'
import { type ManifestFile, writeManifestList } from '../format/manifest-list.js'
import { ancestors, currentSnapshot, type Snapshot, type TableMetadata } from '../format/metadata.js'
import { summarize } from '../format/summary.js'
import { applyUpdate } from '../format/update.js'
import { columnsOf, type Table } from '../table/table.js'
import { elapsedProperty } from '../table/table-time.js'
import type { TableChange } from './change.js'
import { expirable, planExpiry } from './expire.js'
import {
  type ExpiredFilesEntry,
  expiredFilesEntries,
  expiredFilesProperty,
  isGraceOver,
  serializeExpiredFiles,
  serializeExpiredFilesEntries,
} from './expired-files.js'
import { historyChange } from './history-tags.js'
import { type Attempt, mergeManifests, removeFiles } from './rewrite.js'
import { metadataFile, type PendingObject, type WrittenManifest } from './written-manifest.js'

/** Everything of one attempt, worked out but not yet put. */
export interface Draft {
  readonly kind: 'draft'
  readonly next: TableMetadata
  readonly snapshot: Snapshot
  readonly manifests: readonly ManifestFile[]
  readonly manifestListSize_bytes: number
  readonly written: readonly WrittenManifest[]
  readonly objects: readonly PendingObject[]
}

interface Refusal {
  readonly kind: 'refuse'
  readonly reason: 'removed_files_gone' | 'deletes_added'
  readonly detail: unknown
}

/** The manifest of the added files, which is the same in every attempt. */
export interface AddedManifest {
  readonly path: string
  readonly length_bytes: number
  readonly manifest: Manifest
}

/**
 * Works out a commit on a base: manifests without the removed files and with small ones merged, the snapshot, expiry.
 */
export async function draftCommit(
  table: Table,
  base: TableVersion,
  change: TableChange,
  attempt: Attempt,
  added: AddedManifest | undefined,
): Promise<Draft | Refusal> {
  const parent = currentSnapshot(base.metadata)
  if (base.metadata.snapshots.some(({ snapshotId }) => snapshotId === attempt.snapshotId)) {
    throw new AssayError('snapshot_exists', `snapshot ${attempt.snapshotId} is in the table already`, {
      hint: DEFECT_HINT,
    })
  }
  const inherited = (await table.manifests(base, parent)).filter((manifest) => liveFiles(manifest) > 0)
  const { plannedAt = Number.POSITIVE_INFINITY, removeFiles: removedFiles = [] } = change
  if (inherited.some(({ content, sequenceNumber }) => content === 'deletes' && sequenceNumber > plannedAt)) {
    return { kind: 'refuse', reason: 'deletes_added', detail: undefined }
  }
  const without = await removeFiles(table, base, inherited, removedFiles, attempt)
  if (without.missing.length > 0) return { kind: 'refuse', reason: 'removed_files_gone', detail: without.missing }
  const merged = await mergeManifests(table, base, without.manifests, attempt)
  const manifests = added ? [describeAdded(table, base, added, attempt), ...merged.manifests] : merged.manifests
  const summary = summarize({
    operation: change.operation,
    parent,
    manifests,
    added: added?.manifest.entries.map(({ file }) => file) ?? [],
    removed: without.removed.map(({ file }) => file),
    own: change.summary ?? {},
  })
  const content = { manifests, summary, written: [...without.written, ...merged.written] }
  return assemble(table, base, change, attempt, content)
}

function describeAdded(table: Table, base: TableVersion, added: AddedManifest, attempt: Attempt): ManifestFile {
  const { columns } = table.target(base.metadata, added.manifest.specId)
  return describeManifest(added.manifest, added, attempt, columns)
}

/** What a snapshot consists of, and what of it is new. */
interface SnapshotContent {
  readonly manifests: readonly ManifestFile[]
  readonly summary: Readonly<Record<string, string>>
  readonly written: readonly WrittenManifest[]
}

async function assemble(
  table: Table,
  base: TableVersion,
  change: TableChange,
  attempt: Attempt,
  { manifests, summary, written }: SnapshotContent,
): Promise<Draft> {
  const now = {
    time_ms: nextTime_ms(table, base.metadata),
    elapsed_ms: table.time.now_ms(base),
    propertyPrefix: table.propertyPrefix,
  }
  const history = historyChange(base.metadata, table.maintenance.history, now)
  const expiry = await expireSnapshots(table, base, attempt, now, history.drop)
  const elapsed = { [elapsedProperty(table.propertyPrefix)]: String(now.elapsed_ms) }
  const parentId = base.metadata.currentSnapshotId
  const list = metadataFile(base, `snap-${attempt.snapshotId}-${table.random.uuid()}.avro`)
  const bytes = writeManifestList(manifests, { ...attempt, parentId }, columnsOf(base.metadata))
  const snapshot: Snapshot = {
    ...attempt,
    parentId,
    timestamp_ms: now.time_ms,
    manifestList: list.path,
    summary: { ...summary, ...elapsed },
    schemaId: base.metadata.currentSchemaId,
  }
  const next = applyUpdate(base.metadata, {
    snapshot,
    setProperties: { ...change.setProperties, ...expiry.properties, ...elapsed },
    removeProperties: change.removeProperties ?? [],
    expire: expiry.expire,
    setRefs: history.set,
    dropRefs: history.drop,
  })
  const objects = [...written, { key: list.key, bytes }, ...expiry.objects]
  return { kind: 'draft', next, snapshot, manifests, manifestListSize_bytes: bytes.length, written, objects }
}

/** Commit times strictly rise along main, so that a time names one snapshot; a base ahead of the clock is followed. */
function nextTime_ms({ clock }: Table, base: TableMetadata): number {
  let least_ms = base.lastUpdated_ms
  for (const { timestamp_ms } of ancestors(base)) least_ms = Math.max(least_ms, timestamp_ms + 1)
  return Math.max(Math.floor(clock.now_ms()), least_ms)
}

interface Expiry {
  readonly expire: ReadonlySet<bigint>
  readonly properties: Readonly<Record<string, string>>
  readonly objects: readonly PendingObject[]
}

interface Now {
  readonly time_ms: number
  /** The table's own time. */
  readonly elapsed_ms: number
}

/** Expires snapshots by the policy, and brings the table's list of expired files up to date on that occasion. */
async function expireSnapshots(
  table: Table,
  base: TableVersion,
  attempt: Attempt,
  now: Now,
  droppedTags: readonly string[],
): Promise<Expiry> {
  const old = expirable(table, base, droppedTags)
  const before = expiredFilesEntries(base.metadata, table.propertyPrefix)
  const isUntimed = before.some(({ elapsed_ms }) => elapsed_ms === undefined)
  if (old.length === 0 && !isUntimed) return { expire: new Set(), properties: {}, objects: [] }
  const kept: ExpiredFilesEntry[] = []
  for (const entry of before) {
    const due = isGraceOver(entry, now.elapsed_ms, table.maintenance.grace_ms)
    const collected = due && (await table.store.size_bytes(metadataFile(base, entry.list).key)) === undefined
    if (!collected) kept.push({ elapsed_ms: now.elapsed_ms, ...entry })
  }
  const objects: PendingObject[] = []
  const { snapshots, paths } = await planExpiry(table, base, old)
  if (snapshots.size > 0) {
    const list = `trash-${table.random.uuid()}.json`
    kept.push({ list, since_ms: now.time_ms, elapsed_ms: now.elapsed_ms, sequence: attempt.sequenceNumber })
    objects.push({ key: metadataFile(base, list).key, bytes: serializeExpiredFiles(paths) })
  }
  const properties = { [expiredFilesProperty(table.propertyPrefix)]: serializeExpiredFilesEntries(kept) }
  return { expire: snapshots, properties, objects }
}
