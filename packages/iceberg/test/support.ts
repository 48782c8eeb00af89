import { type Clock, seededRandom } from '@assay/core'
import { MemoryStore, type ObjectStore } from '@assay/object-store'
import type { TableDescription } from '../src/evolution/create-table.js'
import type { ManifestFile } from '../src/format/manifest-list.js'
import { currentSchema } from '../src/format/metadata.js'
import {
  type CommitOutcome,
  commit,
  createTable,
  currentSnapshot,
  type DataFile,
  dataFile,
  FileSystemCatalog,
  type MaintenancePolicy,
  planFiles,
  type Table,
  type TableMetadata,
  type TableNotice,
  type TableVersion,
} from '../src/index.js'

/** A clock that stands still unless it is told to go on or somebody sleeps on it. */
export class VirtualClock implements Clock {
  #now_ms = Date.UTC(2026, 0, 1)
  #ahead_ms = 0

  now_ms(): number {
    return this.#now_ms + this.#ahead_ms
  }

  monotonic_ms(): number {
    return this.#now_ms
  }

  async sleep(ms: number): Promise<void> {
    this.#now_ms += ms
  }

  advance(ms: number): void {
    this.#now_ms += ms
  }

  /** From now on the wall clock is wrong by as much; no time passes. */
  jump(ahead_ms: number): void {
    this.#ahead_ms = ahead_ms
  }
}

/** The age at which a version may be forgotten, where the clock is right. */
export function olderThanGrace(clock: Clock): (metadata: TableMetadata) => boolean {
  return ({ lastUpdated_ms }) => clock.now_ms() - lastUpdated_ms >= 15 * 60_000
}

export const description: TableDescription = {
  fields: [
    { id: 1, name: 'day', required: false, type: 'date' },
    { id: 2, name: 'offset', required: true, type: 'long' },
    { id: 3, name: 'price', required: false, type: 'decimal(28, 10)' },
  ],
  partitionBy: ['day'],
}

export interface World {
  readonly clock: VirtualClock
  readonly store: ObjectStore
  readonly catalog: FileSystemCatalog
  readonly table: Table
}

export async function openWorld(
  options: {
    readonly store?: ObjectStore
    readonly clock?: VirtualClock
    readonly seed?: number
    readonly name?: string
    readonly maintenance?: MaintenancePolicy
    readonly description?: TableDescription
    readonly onNotice?: (notice: TableNotice) => void
  } = {},
): Promise<World> {
  const clock = options.clock ?? new VirtualClock()
  const store = options.store ?? new MemoryStore({ clock })
  const random = seededRandom(options.seed ?? 1)
  const catalog = new FileSystemCatalog(store, 'tables/test', { clock, random })
  const table = await createTable(catalog, options.name ?? 'trades', options.description ?? description, {
    store,
    clock,
    random,
    ...(options.maintenance ? { maintenance: options.maintenance } : {}),
    ...(options.onNotice ? { onNotice: options.onNotice } : {}),
  })
  return { clock, store, catalog, table }
}

export interface FileShape {
  readonly day?: number | null
  readonly from?: bigint
  readonly to?: bigint
  readonly rows?: number
  readonly size_bytes?: number
}

/** Puts an object in the place of a Parquet file and describes it. */
export async function putDataFile(table: Table, shape: FileShape = {}): Promise<DataFile> {
  const version = await table.load()
  const { day = 20_000, from = 0n, to = 9n, rows = 10, size_bytes = 1_000 } = shape
  const { path, key } = table.newDataFile(version, [day])
  await table.store.put(key, Buffer.from('parquet'))
  return dataFile(currentSchema(version.metadata), {
    path,
    specId: 0,
    partition: [day],
    recordCount: rows,
    size_bytes,
    columns: new Map([[2, { values: rows, nulls: 0, lower: from, upper: to }]]),
  })
}

export async function append(
  table: Table,
  files: readonly DataFile[],
): Promise<Extract<CommitOutcome, { kind: 'committed' }>> {
  const outcome = await commit(table, {
    prepare: () => ({ kind: 'proceed', change: { operation: 'append', addFiles: files } }),
  })
  if (outcome.kind !== 'committed') throw new Error(`append ended in ${outcome.kind}`)
  return outcome
}

export function replace(table: Table, removed: readonly string[], files: readonly DataFile[]): Promise<CommitOutcome> {
  return commit(table, {
    prepare: () => ({ kind: 'proceed', change: { operation: 'replace', addFiles: files, removeFiles: removed } }),
  })
}

export async function livePaths(table: Table, version?: TableVersion): Promise<readonly string[]> {
  const planned = await planFiles(table, version ?? (await table.load()))
  return planned.map(({ file }) => file.path).sort()
}

export async function keys(store: ObjectStore, prefix: string): Promise<readonly string[]> {
  const found: string[] = []
  for await (const { key } of store.list(prefix)) found.push(key)
  return found
}

/** A commit of another engine: a snapshot of these manifests, whatever they say. */
export async function commitList(
  table: Table,
  base: TableVersion,
  list: readonly ManifestFile[],
  attempt: { readonly snapshotId: bigint; readonly sequenceNumber: number },
  summary: Readonly<Record<string, string>> = {},
): Promise<TableVersion> {
  const manifestList = `${base.metadata.location}/metadata/foreign-${attempt.snapshotId}.avro`
  table.rememberManifests(manifestList, list, 1)
  const head = currentSnapshot(base.metadata)
  const snapshot = {
    ...attempt,
    parentId: head?.snapshotId,
    timestamp_ms: base.metadata.lastUpdated_ms,
    manifestList,
    summary: { operation: 'replace', ...summary },
    schemaId: 0,
  }
  const metadata: TableMetadata = {
    ...base.metadata,
    lastSequenceNumber: attempt.sequenceNumber,
    currentSnapshotId: attempt.snapshotId,
    snapshots: [...base.metadata.snapshots, snapshot],
    refs: { main: { snapshotId: attempt.snapshotId, type: 'branch' } },
  }
  const swapped = await table.catalog.compareAndSwap(table.name, base, metadata)
  if (swapped.kind !== 'committed') throw new Error(swapped.kind)
  return swapped.version
}
