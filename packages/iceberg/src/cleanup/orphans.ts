import { UsageError } from '@assay/core'
import type { TableVersion } from '../catalog/catalog.js'
import { keyOfPath } from '../catalog/paths.js'
import { expiredFilesEntries, parseExpiredFiles } from '../commit/expired-files.js'
import { metadataFile } from '../commit/written-manifest.js'
import { asArray, asObject } from '../format/json.js'
import { mayDeleteFiles } from '../table/policy.js'
import type { Table } from '../table/table.js'

const DAY_MS = 24 * 60 * 60_000
const YOUNGEST_MS = 15 * 60_000

interface OrphanLimits {
  /** Younger files are left alone, since a commit in progress may be about to name them; a day unless given. */
  readonly olderThan_ms?: number
  /** Paths not to touch although the table does not name them: pending manifests and the files they list. */
  readonly keep: ReadonlySet<string>
  /** Only find the orphans, and delete nothing. */
  readonly dryRun?: boolean
  /** Keys of an earlier search's orphans: others are left to the next one, whatever the clock says of their age. */
  readonly seenBefore?: ReadonlySet<string>
}

export interface Orphan {
  readonly key: string
  readonly size_bytes: number
}

/**
 * Deletes files under the table that nothing names, left behind by killed writers, and returns them. Never a file of a
 * retained snapshot (one that cannot be read ends the search with `snapshot_gone` before anything is deleted), of a
 * list of expired files (`collect` deletes those), of `keep`, a statistics file, or a metadata version; nothing of a
 * table that has `gc.enabled` off.
 */
export async function removeOrphans(table: Table, limits: OrphanLimits): Promise<readonly Orphan[]> {
  const age_ms = limits.olderThan_ms ?? DAY_MS
  if (age_ms < YOUNGEST_MS) {
    throw new UsageError('orphans_too_young', 'files younger than fifteen minutes may belong to a commit in progress', {
      hint: 'give a limit of fifteen minutes or more',
    })
  }
  const first = await table.load()
  const { metadata, tableKey } = first
  if (!mayDeleteFiles(metadata)) return []
  const before_ms = certainNow_ms(table, first) - age_ms
  const candidates: Orphan[] = []
  for await (const { key, size_bytes, modified_ms } of table.store.list(`${tableKey}/`)) {
    if (modified_ms < before_ms && !isVersionFile(key.slice(tableKey.length + 1))) candidates.push({ key, size_bytes })
  }
  // Loaded after the listing: what was committed meanwhile is named.
  const version = await table.load()
  const named = await namedKeys(table, version)
  for (const path of limits.keep) named.add(keyOfPath(version, path))
  const orphans = candidates.filter(({ key }) => !named.has(key) && limits.seenBefore?.has(key) !== false)
  if (limits.dryRun !== true) for (const { key } of orphans) await table.store.delete(key)
  return orphans
}

/**
 * A wall-clock time that is not later than now: a clock that jumped ahead does not make a file old which a commit in
 * progress is about to name. Reckoned from the newest commit, since which a process that stays sees time pass.
 */
function certainNow_ms(table: Table, version: TableVersion): number {
  return Math.min(table.clock.now_ms(), version.metadata.lastUpdated_ms + table.time.since_ms(version))
}

/** Metadata files by any catalog's way of naming them: catalogs clean up behind themselves. */
function isVersionFile(relative: string): boolean {
  return /^metadata\/([^/]+\.metadata\.json(\.gz)?|version-hint\.text)$/.test(relative)
}

async function namedKeys(table: Table, version: TableVersion): Promise<Set<string>> {
  const paths = new Set<string>(statisticsPaths(version))
  for (const snapshot of version.metadata.snapshots) {
    paths.add(snapshot.manifestList)
    for (const manifest of await table.manifests(version, snapshot)) {
      if (paths.has(manifest.path)) continue
      paths.add(manifest.path)
      for (const { file } of (await table.manifest(version, manifest)).entries) paths.add(file.path)
    }
  }
  const keys = new Set([...paths].map((path) => keyOfPath(version, path)))
  for (const { list } of expiredFilesEntries(version.metadata, table.propertyPrefix)) {
    const { key } = metadataFile(version, list)
    keys.add(key)
    const bytes = await table.store.get(key)
    for (const path of bytes ? parseExpiredFiles(bytes) : []) keys.add(keyOfPath(version, path))
  }
  return keys
}

function statisticsPaths({ metadata }: TableVersion): readonly string[] {
  return ['statistics', 'partition-statistics'].flatMap((member) =>
    asArray(metadata.extra[member] ?? [], member).flatMap((one) => {
      const path = asObject(one, member)['statistics-path']
      return typeof path === 'string' ? [path] : []
    }),
  )
}
