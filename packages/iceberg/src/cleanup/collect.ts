import type { TableVersion } from '../catalog/catalog.js'
import { keyOfPath } from '../catalog/paths.js'
import {
  type ExpiredFilesEntry,
  expiredFilesEntries,
  isGraceOver,
  isOld,
  parseExpiredFiles,
} from '../commit/expired-files.js'
import { metadataFile } from '../commit/written-manifest.js'
import { isLive } from '../format/manifest-entries.js'
import type { ManifestFile } from '../format/manifest-list.js'
import { mayDeleteFiles } from '../table/policy.js'
import type { Table } from '../table/table.js'
import { elapsedAt } from '../table/table-time.js'

/** What a clean-up deleted, as store keys. */
interface Collected {
  readonly files: readonly string[]
  readonly metadataVersions: readonly string[]
  /** Listings that have to wait. */
  readonly waiting: number
}

/** As many of the newest metadata files stay as a metadata file names. */
const VERSIONS_TO_KEEP = 100
/** A writer that slept no longer than this finds the base that it knew; catalogs believe what they saw for less. */
const VERSION_GRACE_LEAST_MS = 15 * 60_000

/**
 * Deletes what expiries set free, once its grace time (the table's policy) is over by the table's own time, oldest
 * first; then metadata files of old versions. Idempotent and safe to kill: a listing goes after its files, its entry in
 * the table's property with a later commit. A file that any snapshot of the newest version names is left alone, and so
 * is all of a table that has `gc.enabled` off.
 */
export async function collect(table: Table): Promise<Collected> {
  const version = await table.load()
  const { grace_ms } = table.maintenance
  const now_ms = table.time.now_ms(version)
  const entries = expiredFilesEntries(version.metadata, table.propertyPrefix)
  const mayDelete = mayDeleteFiles(version.metadata)
  const due = mayDelete ? entries.filter((entry) => isGraceOver(entry, now_ms, grace_ms)) : []
  const files: string[] = []
  for (const entry of due) files.push(...(await collectEntry(table, version, entry)))
  const versionGrace_ms = Math.max(grace_ms, VERSION_GRACE_LEAST_MS)
  const metadataVersions = await table.catalog.forgetVersions(table.name, {
    keep: VERSIONS_TO_KEEP,
    isOld: (metadata) => isOld(elapsedAt(metadata, table.propertyPrefix), now_ms, versionGrace_ms),
  })
  return { files, metadataVersions, waiting: entries.length - due.length }
}

async function collectEntry(table: Table, version: TableVersion, entry: ExpiredFilesEntry): Promise<readonly string[]> {
  const { key: listKey } = metadataFile(version, entry.list)
  const bytes = await table.store.get(listKey)
  if (!bytes) return []
  const named = await namedSince(table, version, parseExpiredFiles(bytes), entry.sequence)
  const keys = named.map((path) => keyOfPath(version, path))
  for (const key of keys) await table.store.delete(key)
  await table.store.delete(listKey)
  return keys
}

/**
 * The paths that the newest version does not name. Whether a data file was named again (another engine may add
 * it back) can only be told by manifests from the expiry on, since it was in none of the living ones then.
 */
async function namedSince(
  table: Table,
  version: TableVersion,
  paths: readonly string[],
  sequence: number,
): Promise<readonly string[]> {
  const unnamed = new Set(paths)
  const young = new Map<string, ManifestFile>()
  for (const snapshot of version.metadata.snapshots) {
    unnamed.delete(snapshot.manifestList)
    for (const manifest of await table.manifests(version, snapshot)) {
      unnamed.delete(manifest.path)
      if (manifest.sequenceNumber >= sequence) young.set(manifest.path, manifest)
    }
  }
  for (const manifest of young.values()) {
    for (const entry of (await table.manifest(version, manifest)).entries)
      if (isLive(entry)) unnamed.delete(entry.file.path)
  }
  return [...unnamed]
}
