import { AssayError, type Clock, type Random } from '@assay/core'
import type { ObjectStore } from '@assay/object-store'
import type { Catalog, TableVersion } from '../catalog/catalog.js'
import { inFile } from '../catalog/in-file.js'
import { keyOfPath, pathInTable } from '../catalog/paths.js'
import { checkManifestList } from '../format/invariants.js'
import { type Manifest, type ManifestTarget, readManifest } from '../format/manifest.js'
import { type ManifestFile, readManifestList } from '../format/manifest-list.js'
import { currentSchema, type Snapshot, specById, type TableMetadata } from '../format/metadata.js'
import { type PartitionColumn, type PartitionTuple, partitionColumns, partitionPath } from '../format/partition.js'
import { BoundedCache } from './bounded-cache.js'
import { defaultMaintenance, type MaintenancePolicy } from './policy.js'
import { TableTime } from './table-time.js'

/** A decoded manifest takes several times its compressed size. */
const CACHE_BYTES = 32 * 1024 * 1024
const DEFAULT_PREFIX = 'assay.'
/** More than the clocks of machines differ by. */
const AHEAD_TOLD_MS = 60_000

export interface TableDependencies {
  readonly store: ObjectStore
  readonly clock: Clock
  readonly random: Random
  /** Defaults to `defaultMaintenance`. */
  readonly maintenance?: MaintenancePolicy
  /** What the table properties that this package keeps start with; `assay.` unless given. */
  readonly propertyPrefix?: string
  /**
   * For how long `recent` believes what it has seen, so that who works on a table all the time does not ask for its
   * newest version before every step; 0 unless given.
   */
  readonly recall_ms?: number
  readonly onNotice?: (notice: TableNotice) => void
}

/** Something about a table that its operator should know, told once by each process. */
export type TableNotice =
  /** Its newest commit is stamped later than this machine's clock. */
  | { readonly kind: 'ahead_of_clock'; readonly table: string; readonly ahead_ms: number }
  /** Its metadata names another location than the one where it was found. */
  | { readonly kind: 'moved'; readonly table: string; readonly location: string; readonly found: string }

/** A name in a catalog, with what is needed to work on the table behind it, and caches of its immutable files. */
export class Table {
  readonly catalog: Catalog
  readonly name: string
  readonly store: ObjectStore
  readonly clock: Clock
  readonly random: Random
  readonly maintenance: MaintenancePolicy
  readonly propertyPrefix: string
  /** The table's own time, by which ages are told. */
  readonly time: TableTime
  readonly #onNotice: ((notice: TableNotice) => void) | undefined
  readonly #recall_ms: number
  /** How often this object has committed. */
  #commits = 0
  #newest: { readonly version: TableVersion; readonly seen_ms: number } | undefined
  #isAheadTold = false
  #placed: { readonly location: string; readonly isMoved: boolean } | undefined
  readonly #lists = new BoundedCache<readonly ManifestFile[]>(CACHE_BYTES)
  readonly #manifests = new BoundedCache<Manifest>(CACHE_BYTES)
  readonly #targets = new Map<string, ManifestTarget>()

  constructor(catalog: Catalog, name: string, dependencies: TableDependencies) {
    this.catalog = catalog
    this.name = name
    this.store = dependencies.store
    this.clock = dependencies.clock
    this.random = dependencies.random
    this.maintenance = dependencies.maintenance ?? defaultMaintenance
    this.propertyPrefix = dependencies.propertyPrefix ?? DEFAULT_PREFIX
    this.time = new TableTime(this.clock, this.propertyPrefix)
    this.#onNotice = dependencies.onNotice
    this.#recall_ms = dependencies.recall_ms ?? 0
  }

  /**
   * A version that was the newest at most `recall_ms` ago, and no older than what was last loaded or committed here.
   * What is decided on it has to stand a commit, which fails on any but the newest. Throws `table_not_found`.
   */
  async recent(): Promise<TableVersion> {
    const { version, seen_ms } = this.#newest ?? {}
    if (version && this.clock.monotonic_ms() - (seen_ms as number) < this.#recall_ms) return version
    return this.load()
  }

  /** To be called with a version that was just committed through this table. */
  committed(version: TableVersion): void {
    this.#commits += 1
    this.#newest = { version, seen_ms: this.clock.monotonic_ms() }
    this.time.saw(version, { isOwn: true })
  }

  /** The newest version. Throws `table_not_found`. */
  async load(): Promise<TableVersion> {
    const seen_ms = this.clock.monotonic_ms()
    const before = this.#commits
    const version = await this.catalog.load(this.name)
    // What was asked for before a commit of ours may be older than that.
    if (this.#commits === before) this.#newest = version && { version, seen_ms }
    if (version) {
      this.time.saw(version, { isOwn: false })
      this.#tellIfAhead(version)
      if (this.#onNotice) await this.isMoved(version)
      return version
    }
    throw new AssayError('table_not_found', `there is no table ${this.name}`, {
      hint: 'create it, or restore the folder or catalog entry that was removed',
    })
  }

  /**
   * Whether the metadata names another location than the one where the table was found: the lake was copied or moved.
   */
  async isMoved({ metadata: { location }, tableKey }: TableVersion): Promise<boolean> {
    if (this.#placed?.location === location) return this.#placed.isMoved
    const isMoved = !(await this.store.isLocationOf(location, tableKey))
    this.#placed = { location, isMoved }
    if (isMoved) this.#onNotice?.({ kind: 'moved', table: this.name, location, found: this.store.location(tableKey) })
    return isMoved
  }

  /** Once: commit times go on from a base that is ahead of the clock, until the clock has caught up. */
  #tellIfAhead({ metadata }: TableVersion): void {
    if (this.#isAheadTold || !this.#onNotice) return
    const ahead_ms = metadata.lastUpdated_ms - this.clock.now_ms()
    if (ahead_ms < AHEAD_TOLD_MS) return
    this.#isAheadTold = true
    this.#onNotice({ kind: 'ahead_of_clock', table: this.name, ahead_ms })
  }

  /** Manifests of a snapshot; none without one. Throws `snapshot_gone` when a clean-up was faster: plan again. */
  async manifests(version: TableVersion, snapshot: Snapshot | undefined): Promise<readonly ManifestFile[]> {
    if (!snapshot) return []
    const known = this.#lists.get(snapshot.manifestList)
    if (known) return known
    const bytes = await this.#fetch(version, snapshot.manifestList)
    const list = inFile(this.name, snapshot.manifestList, () => readManifestList(bytes, columnsOf(version.metadata)))
    checkManifestList(version.metadata, snapshot, list)
    this.rememberManifests(snapshot.manifestList, list, bytes.length)
    return list
  }

  /** A manifest's lines as they stand in the file. Throws `snapshot_gone` when it is missing. */
  async manifest(version: TableVersion, { path, specId }: Pick<ManifestFile, 'path' | 'specId'>): Promise<Manifest> {
    const known = this.#manifests.get(path)
    if (known) return known
    const bytes = await this.#fetch(version, path)
    const manifest = inFile(this.name, path, () => readManifest(bytes, specId, columnsOf(version.metadata)))
    this.rememberManifest(path, manifest, bytes.length)
    return manifest
  }

  rememberManifests(path: string, list: readonly ManifestFile[], size_bytes: number): void {
    this.#lists.set(path, list, size_bytes)
  }

  rememberManifest(path: string, manifest: Manifest, size_bytes: number): void {
    this.#manifests.set(path, manifest, size_bytes)
  }

  async #fetch(version: TableVersion, path: string): Promise<Uint8Array> {
    const bytes = await this.store.get(keyOfPath(version, path))
    if (bytes) return bytes
    throw new AssayError('snapshot_gone', `${path} of table ${this.name} is gone`, {
      hint: 'the snapshot expired and was cleaned up: plan again from the newest version',
      retryable: true,
    })
  }

  /** For writing manifests of a spec with the current schema. */
  target(metadata: TableMetadata, specId: number): ManifestTarget {
    const key = `${metadata.tableUuid}/${metadata.currentSchemaId}/${specId}`
    const known = this.#targets.get(key)
    if (known) return known
    const spec = specById(metadata, specId)
    const made = {
      schema: currentSchema(metadata),
      spec,
      columns: partitionColumns(spec, metadata.schemas, metadata.location),
    }
    this.#targets.set(key, made)
    return made
  }

  /** A new name for a data file of a spec, under `data/<partition>/`. */
  newDataFile(
    version: TableVersion,
    partition: PartitionTuple,
    specId: number = version.metadata.defaultSpecId,
  ): { readonly path: string; readonly key: string } {
    const { columns } = this.target(version.metadata, specId)
    const folder = partitionPath(columns, partition)
    const relative = `data/${folder === '' ? '' : `${folder}/`}${this.random.uuid()}.parquet`
    return { path: pathInTable(version, relative), key: `${version.tableKey}/${relative}` }
  }
}

/** Partition columns by spec id, for readers. */
export function columnsOf(metadata: TableMetadata): (specId: number) => readonly PartitionColumn[] {
  return (specId) => partitionColumns(specById(metadata, specId), metadata.schemas, metadata.location)
}
