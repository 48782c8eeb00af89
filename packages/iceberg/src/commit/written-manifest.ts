import type { TableVersion } from '../catalog/catalog.js'
import { pathInTable } from '../catalog/paths.js'
import { type Manifest, type ManifestEntry, writeManifest } from '../format/manifest.js'
import type { Table } from '../table/table.js'

/** A file of metadata that is ready to be put. */
export interface PendingObject {
  readonly key: string
  readonly bytes: Uint8Array
}

export interface WrittenManifest extends PendingObject {
  readonly path: string
  readonly manifest: Manifest
}

/** A new name in the table's metadata folder. */
export function metadataFile(version: TableVersion, file: string): { readonly path: string; readonly key: string } {
  return { path: pathInTable(version, `metadata/${file}`), key: `${version.tableKey}/metadata/${file}` }
}

/** Encodes a manifest under a new name; nothing is put. */
export function encodeManifest(
  table: Table,
  version: TableVersion,
  specId: number,
  entries: readonly ManifestEntry[],
): WrittenManifest {
  const bytes = writeManifest(table.target(version.metadata, specId), entries)
  return { ...metadataFile(version, `${table.random.uuid()}-m0.avro`), bytes, manifest: { specId, entries } }
}

/** Puts metadata files side by side. Rejects after all puts have ended, so none lands unseen later. */
export async function putAll(table: Table, objects: readonly PendingObject[]): Promise<void> {
  const results = await Promise.allSettled(objects.map(({ key, bytes }) => table.store.put(key, bytes)))
  for (const result of results) if (result.status === 'rejected') throw result.reason
}
