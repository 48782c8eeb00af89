import type { TableVersion } from '../catalog/catalog.js'
import type { DataFile } from '../format/data-file.js'
import { FILE_PATH_ID } from '../format/data-file.js'
import { type ManifestEntry, readManifest, writeManifest } from '../format/manifest.js'
import { type ManifestFile, writeManifestList } from '../format/manifest-list.js'
import type { Snapshot, TableMetadata } from '../format/metadata.js'
import { columnsOf, type Table } from '../table/table.js'
import type { Relocation } from './relocation.js'

/** Writes a position-delete file anew under `newKey`, with its paths as they are now, and returns its size. */
export type DeleteFileRewriter = (key: string, newKey: string, relocation: Relocation) => Promise<number>

/** Writes the manifests and manifest lists of a table's snapshots anew, under new names; each manifest once. */
export class ManifestRelocator {
  readonly #table: Table
  readonly #version: TableVersion
  readonly #relocation: Relocation
  readonly #rewriteDeletes: DeleteFileRewriter
  readonly #manifests = new Map<string, Promise<{ readonly path: string; readonly length_bytes: number }>>()
  readonly #deletes = new Map<string, Promise<{ readonly path: string; readonly size_bytes: number }>>()
  /** Paths that nothing names any more once the new metadata is in force, as they are now. */
  readonly replaced = new Set<string>()

  constructor(table: Table, version: TableVersion, relocation: Relocation, rewriteDeletes: DeleteFileRewriter) {
    this.#table = table
    this.#version = version
    this.#relocation = relocation
    this.#rewriteDeletes = rewriteDeletes
  }

  async snapshot(snapshot: Snapshot): Promise<Snapshot> {
    const manifests: ManifestFile[] = []
    for (const manifest of await this.#table.manifests(this.#version, snapshot)) {
      manifests.push({ ...manifest, ...(await this.#manifest(manifest)) })
    }
    const bytes = writeManifestList(manifests, snapshot, columnsOf(this.#version.metadata))
    const { path, key } = this.#newFile(`metadata/snap-${snapshot.snapshotId}-${this.#table.random.uuid()}.avro`)
    await this.#table.store.put(key, bytes)
    this.replaced.add(this.#relocation.path(snapshot.manifestList))
    return { ...snapshot, manifestList: path }
  }

  #manifest(manifest: ManifestFile): Promise<{ readonly path: string; readonly length_bytes: number }> {
    const known = this.#manifests.get(manifest.path)
    if (known) return known
    const made = this.#writeManifest(manifest)
    this.#manifests.set(manifest.path, made)
    return made
  }

  async #writeManifest(manifest: ManifestFile): Promise<{ readonly path: string; readonly length_bytes: number }> {
    const { entries, specId } = await this.#table.manifest(this.#version, manifest)
    const moved: ManifestEntry[] = []
    for (const entry of entries) moved.push({ ...entry, file: await this.#file(entry.file) })
    const target = this.#table.target(this.#version.metadata, specId)
    const bytes = writeManifest(target, moved, manifest.content)
    const { path, key } = this.#newFile(`metadata/${this.#table.random.uuid()}-m0.avro`)
    await this.#table.store.put(key, bytes)
    this.replaced.add(this.#relocation.path(manifest.path))
    return { path, length_bytes: bytes.length }
  }

  async #file(file: DataFile): Promise<DataFile> {
    if (file.content !== 'position_deletes') return { ...file, path: this.#relocation.path(file.path) }
    const { lowerBounds, upperBounds, referencedDataFile, ...rest } = file
    return {
      ...rest,
      ...(await this.#deleteFile(file)),
      ...(lowerBounds && { lowerBounds: this.#bounds(lowerBounds) }),
      ...(upperBounds && { upperBounds: this.#bounds(upperBounds) }),
      ...(referencedDataFile !== undefined && { referencedDataFile: this.#relocation.path(referencedDataFile) }),
    }
  }

  #deleteFile({ path }: DataFile): Promise<{ readonly path: string; readonly size_bytes: number }> {
    const known = this.#deletes.get(path)
    if (known) return known
    const made = this.#writeDeletes(path)
    this.#deletes.set(path, made)
    return made
  }

  async #writeDeletes(path: string): Promise<{ readonly path: string; readonly size_bytes: number }> {
    const made = this.#newFile(`data/${this.#table.random.uuid()}-deletes.parquet`)
    const size_bytes = await this.#rewriteDeletes(this.#relocation.key(path), made.key, this.#relocation)
    this.replaced.add(this.#relocation.path(path))
    return { path: made.path, size_bytes }
  }

  #bounds(bounds: ReadonlyMap<number, Uint8Array>): ReadonlyMap<number, Uint8Array> {
    const moved = new Map(bounds)
    const bound = this.#relocation.bound(bounds.get(FILE_PATH_ID))
    if (bound) moved.set(FILE_PATH_ID, bound)
    else moved.delete(FILE_PATH_ID)
    return moved
  }

  #newFile(relative: string): { readonly path: string; readonly key: string } {
    const { tableKey } = this.#version
    return { path: `${this.#table.store.location(tableKey)}/${relative}`, key: `${tableKey}/${relative}` }
  }
}

/** Writes a manifest of files to be added to `side`, which another table's outbox names, anew beside it. */
export async function relocatePendingManifest(
  side: { readonly table: Table; readonly metadata: TableMetadata },
  path: string,
  relocation: Relocation,
): Promise<{ readonly path: string; readonly length_bytes: number } | undefined> {
  const { table, metadata } = side
  const key = relocation.key(path)
  const found = await table.store.get(key)
  if (!found) return undefined
  const { entries, specId } = readManifest(found, metadata.defaultSpecId, columnsOf(metadata))
  const moved = entries.map((entry) => ({
    ...entry,
    file: { ...entry.file, path: relocation.path(entry.file.path) },
  }))
  const bytes = writeManifest(table.target(metadata, specId), moved)
  const newKey = `${key.slice(0, key.lastIndexOf('/'))}/${table.random.uuid()}-m0.avro`
  await table.store.put(newKey, bytes)
  return { path: table.store.location(newKey), length_bytes: bytes.length }
}
