import { AssayError, DEFECT_HINT } from '@assay/core'
import type { TableVersion } from '../catalog/catalog.js'
import type { ManifestRef } from '../commit/change.js'
import { addedEntries, commit } from '../commit/commit.js'
import { putAll } from '../commit/written-manifest.js'
import type { DataFile } from '../format/data-file.js'
import { asArray, asInteger, asObject, asString, parseJson } from '../format/json.js'
import type { TableMetadata } from '../format/metadata.js'
import type { Table } from '../table/table.js'

/** A manifest of side rows that a main table's commit decided on and the side table has yet to take. */
export interface PendingEntry {
  /** Name of the side table that the rows belong to. */
  readonly table: string
  readonly manifest: string
  readonly length_bytes: number
  /** Sequence number of the main table's snapshot. */
  readonly sequence: number
}

/** More would mean that a side table takes nothing any more: the main table stops before that is forgotten. */
const PENDING_MAX = 100

export function pendingProperty(prefix: string): string {
  return `${prefix}pending`
}

function publishedProperty(prefix: string): string {
  return `${prefix}published`
}

/** A main table's pending entries, in the order in which they must be published. */
export function pendingEntries(main: TableMetadata, propertyPrefix: string): readonly PendingEntry[] {
  const text = main.properties[pendingProperty(propertyPrefix)]
  if (text === undefined) return []
  const entries = asArray(parseJson(text), 'the pending property').map((value): PendingEntry => {
    const entry = asObject(value, 'a pending entry')
    return {
      table: asString(entry.table, 'table'),
      manifest: asString(entry.manifest, 'manifest'),
      length_bytes: asInteger(entry.length, 'length'),
      sequence: asInteger(entry.sequence, 'sequence'),
    }
  })
  return entries.sort((a, b) => a.sequence - b.sequence)
}

/**
 * The property with which a main commit adds entries and drops published ones (by manifest path); for use inside
 * `prepare`, whose base it takes. Throws `outbox_full`, and `outbox_twice` for two manifests for one side table.
 */
export function pendingChange(
  base: TableMetadata,
  propertyPrefix: string,
  change: { readonly add: readonly PendingEntry[]; readonly published: ReadonlySet<string> },
): Readonly<Record<string, string>> {
  if (new Set(change.add.map(({ table }) => table)).size < change.add.length) {
    throw new AssayError('outbox_twice', 'a commit may publish one manifest to a side table, not two', {
      hint: DEFECT_HINT,
    })
  }
  const left = pendingEntries(base, propertyPrefix).filter(({ manifest }) => !change.published.has(manifest))
  const entries = [...left, ...change.add]
  if (change.add.length > 0 && entries.length > PENDING_MAX) {
    const tables = [...new Set(left.map(({ table }) => table))].join(', ')
    throw new AssayError('outbox_full', `${left.length} manifests wait to be published to ${tables}`, {
      hint: 'mend the side table (is its catalog entry gone?); nothing is lost, and publishing goes on by itself',
    })
  }
  return { [pendingProperty(propertyPrefix)]: serializePending(entries) }
}

export function serializePending(entries: readonly PendingEntry[]): string {
  const json = entries.map(({ table, manifest, length_bytes, sequence }) => ({
    table,
    manifest,
    length: length_bytes,
    sequence,
  }))
  return JSON.stringify(json)
}

/** The sequence number of the main table's last published entry; 0 before the first. */
export function publishedSequence(side: TableMetadata, mainUuid: string, propertyPrefix: string): number {
  return publishedNumbers(side, propertyPrefix).get(mainUuid) ?? 0
}

function publishedNumbers(side: TableMetadata, propertyPrefix: string): Map<string, number> {
  const text = side.properties[publishedProperty(propertyPrefix)]
  const entries = text === undefined ? [] : Object.entries(asObject(parseJson(text), 'the published property'))
  return new Map(entries.map(([main, sequence]) => [main, asInteger(sequence, 'published')]))
}

export interface PendingManifest extends ManifestRef {
  /**
   * The sequence number of the last published entry of each main table, by uuid. A commit that decides on the manifest
   * must have a greater one (`sequenceAbove`), or it would be taken for published.
   */
  readonly published: ReadonlyMap<string, number>
}

/** Writes the manifest of side files into the side table's folder, before the main commit that decides on it. */
export async function writePendingManifest(side: Table, files: readonly DataFile[]): Promise<PendingManifest> {
  const version = await side.load()
  const snapshotId = BigInt(side.random.id53())
  const { path, key, bytes, manifest } = addedEntries(side, version, files, { snapshotId })
  await putAll(side, [{ key, bytes }])
  side.rememberManifest(path, manifest, bytes.length)
  return { path, length_bytes: bytes.length, published: publishedNumbers(version.metadata, side.propertyPrefix) }
}

/**
 * Commits exactly the manifest of an entry to its side table, unless that was done. Any number of publishers may
 * race. Entries of one main table must come in order: `publishPending` sees to it. Throws `table_not_found` when
 * the side table is gone and `pending_manifest_missing` when the manifest is; the entry remains.
 */
export async function publish(side: Table, mainUuid: string, entry: PendingEntry): Promise<'published' | 'already'> {
  const version = await side.load()
  if (publishedSequence(version.metadata, mainUuid, side.propertyPrefix) >= entry.sequence) return 'already'
  const outcome = await commit(side, {
    snapshotId: await snapshotIdOf(side, version, entry),
    prepare: (base) => {
      const numbers = publishedNumbers(base, side.propertyPrefix)
      if ((numbers.get(mainUuid) ?? 0) >= entry.sequence) return { kind: 'refuse', reason: 'already' }
      numbers.set(mainUuid, entry.sequence)
      return {
        kind: 'proceed',
        change: {
          operation: 'append',
          addManifest: { path: entry.manifest, length_bytes: entry.length_bytes },
          setProperties: { [publishedProperty(side.propertyPrefix)]: JSON.stringify(Object.fromEntries(numbers)) },
        },
      }
    },
  })
  if (outcome.kind === 'committed') return 'published'
  if (outcome.kind === 'refused' && outcome.reason === 'already') return 'already'
  throw new AssayError('publish_failed', `publishing to ${entry.table} ended in ${outcome.kind}: ${outcome.reason}`, {
    hint: 'try again: the entry is still pending',
    retryable: true,
  })
}

/** The snapshot id that the manifest was written with, so that its entries need no rewriting. */
async function snapshotIdOf(side: Table, version: TableVersion, entry: PendingEntry): Promise<bigint> {
  try {
    const { entries } = await side.manifest(version, { path: entry.manifest, specId: version.metadata.defaultSpecId })
    const id = entries[0]?.snapshotId
    if (id !== undefined) return id
  } catch (cause) {
    if (!(cause instanceof AssayError && cause.code === 'snapshot_gone')) throw cause
    throw new AssayError('pending_manifest_missing', `${entry.manifest}, which waits to be published, is missing`, {
      hint: 'restore it from a copy of the lake; its rows are decided and must not be derived again',
      cause,
    })
  }
  throw new AssayError('corrupt_manifest', `${entry.manifest} names no snapshot`, {
    hint: 'the file is damaged: restore it from a copy',
  })
}

/**
 * Publishes all pending entries of a main table in their order and stops at the first that fails. Returns the
 * manifests that are in their side tables, for `pendingChange` to drop with the next main commit.
 */
export async function publishPending(
  main: TableMetadata,
  propertyPrefix: string,
  sideTable: (name: string) => Promise<Table> | Table,
): Promise<ReadonlySet<string>> {
  const published = new Set<string>()
  for (const entry of pendingEntries(main, propertyPrefix)) {
    await publish(await sideTable(entry.table), main.tableUuid, entry)
    published.add(entry.manifest)
  }
  return published
}
