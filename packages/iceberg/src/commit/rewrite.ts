import type { TableVersion } from '../catalog/catalog.js'
import type { ManifestEntry } from '../format/manifest.js'
import { describeManifest, isLive, liveFiles, resolveEntry, survivors } from '../format/manifest-entries.js'
import type { ManifestFile } from '../format/manifest-list.js'
import type { Table } from '../table/table.js'
import { encodeManifest, type WrittenManifest } from './written-manifest.js'

/** At most as many manifests are read for one merge, however many another engine left. */
const MERGED_AT_ONCE = 64

export interface Attempt {
  readonly snapshotId: bigint
  readonly sequenceNumber: number
}

interface Rewritten {
  readonly manifests: readonly ManifestFile[]
  readonly written: readonly WrittenManifest[]
}

/** Encodes a manifest of this attempt and describes it. */
export function manifestOf(
  table: Table,
  base: TableVersion,
  specId: number,
  entries: readonly ManifestEntry[],
  attempt: Attempt,
): { readonly described: ManifestFile; readonly written: WrittenManifest } {
  const written = encodeManifest(table, base, specId, entries)
  const size = { path: written.path, length_bytes: written.bytes.length }
  const { columns } = table.target(base.metadata, specId)
  return { described: describeManifest(written.manifest, size, attempt, columns), written }
}

/**
 * Takes data files out: each manifest that holds one is written anew, removed files DELETED by this snapshot under
 * their original numbers, the others EXISTING. Young manifests are searched first, since young files get replaced.
 */
export async function removeFiles(
  table: Table,
  base: TableVersion,
  manifests: readonly ManifestFile[],
  paths: readonly string[],
  attempt: Attempt,
): Promise<Rewritten & { readonly removed: readonly ManifestEntry[]; readonly missing: readonly string[] }> {
  const wanted = new Set(paths)
  const replaced = new Map<ManifestFile, ManifestFile>()
  const written: WrittenManifest[] = []
  const removed: ManifestEntry[] = []
  const youngFirst = manifests
    .filter(({ content }) => content === 'data')
    .sort((a, b) => b.sequenceNumber - a.sequenceNumber)
  for (const described of youngFirst) {
    if (wanted.size === 0) break
    const { entries } = await table.manifest(base, described)
    if (!entries.some((entry) => isLive(entry) && wanted.has(entry.file.path))) continue
    const rewritten = entries.filter(isLive).map((entry): ManifestEntry => {
      const resolved = resolveEntry(entry, described)
      if (!wanted.delete(entry.file.path)) return { ...resolved, status: 'existing' }
      removed.push(resolved)
      return { ...resolved, status: 'deleted', snapshotId: attempt.snapshotId }
    })
    const made = manifestOf(table, base, described.specId, rewritten, attempt)
    written.push(made.written)
    replaced.set(described, made.described)
  }
  return {
    manifests: manifests.map((manifest) => replaced.get(manifest) ?? manifest),
    written,
    removed,
    missing: [...wanted],
  }
}

/**
 * Merges the manifests of one spec of the lowest size class that has enough of them. A class holds those with as many
 * live files up to a power of the class width, so each entry is rewritten a logarithmic number of times, and a table
 * has a logarithmic number of manifests.
 */
export async function mergeManifests(
  table: Table,
  base: TableVersion,
  manifests: readonly ManifestFile[],
  attempt: Attempt,
): Promise<Rewritten> {
  const chosen = chooseMerge(table, manifests, attempt)
  if (chosen.length === 0) return { manifests, written: [] }
  const entries: ManifestEntry[] = []
  for (const described of chosen) entries.push(...survivors(await table.manifest(base, described), described))
  const made = manifestOf(table, base, chosen[0]?.specId ?? base.metadata.defaultSpecId, entries, attempt)
  const merged = new Set(chosen)
  return {
    manifests: [...manifests.filter((manifest) => !merged.has(manifest)), made.described],
    written: [made.written],
  }
}

function chooseMerge(table: Table, manifests: readonly ManifestFile[], attempt: Attempt): readonly ManifestFile[] {
  const { manifestsToMerge, manifestFilesMax } = table.maintenance
  const classes = new Map<string, ManifestFile[]>()
  for (const manifest of manifests) {
    const files = liveFiles(manifest)
    // A manifest of this very snapshot may hold DELETED entries, from which the later clean-up learns.
    if (manifest.content !== 'data' || manifest.addedSnapshotId === attempt.snapshotId) continue
    if (files >= manifestFilesMax) continue
    const sizeClass = Math.floor(Math.log(files) / Math.log(manifestsToMerge) + 1e-9)
    // A manifest has one spec. Two digits sort like the number: a class above 99 would hold more files than there are.
    const key = `${String(sizeClass).padStart(2, '0')}/${manifest.specId}`
    const members = classes.get(key)
    if (members) members.push(manifest)
    else classes.set(key, [manifest])
  }
  const full = [...classes].filter(([, members]) => members.length >= manifestsToMerge)
  const [lowest] = full.sort(([a], [b]) => (a < b ? -1 : 1))
  return lowest?.[1].slice(0, MERGED_AT_ONCE) ?? []
}
