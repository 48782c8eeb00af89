import { AssayError } from '@assay/core'
import type { TableVersion } from '../catalog/catalog.js'
import {
  expiredFilesEntries,
  expiredFilesProperty,
  parseExpiredFiles,
  serializeExpiredFiles,
  serializeExpiredFilesEntries,
} from '../commit/expired-files.js'
import { greatestSequence } from '../format/invariants.js'
import { asObject, type Json, type JsonObject } from '../format/json.js'
import type { TableMetadata } from '../format/metadata.js'
import { pendingEntries, pendingProperty, serializePending } from '../outbox/outbox.js'
import { mayDeleteFiles } from '../table/policy.js'
import type { Table } from '../table/table.js'
import { type DeleteFileRewriter, ManifestRelocator, relocatePendingManifest } from './relocate-manifests.js'
import { Relocation } from './relocation.js'

const ATTEMPTS = 5

interface RelocateOptions {
  readonly rewriteDeletes: DeleteFileRewriter
  /** Another table of the same location; undefined when there is none of the name. */
  readonly table: (name: string) => Table | undefined
  /** Only tell whether the table was moved, and change nothing. */
  readonly dryRun?: boolean
}

/**
 * Makes the location at which a table was found the one that its metadata names: manifests, manifest lists,
 * position-delete files, lists of expired files and pending manifests are written anew under new names, and one put of
 * metadata brings them into force. Killed before that, nothing has changed; killed after, it is done. Reads and writes
 * only at the location where the table was found. Returns the old location, or undefined where it is at its location
 * already.
 */
export async function relocateTable(table: Table, options: RelocateOptions): Promise<string | undefined> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const base = await table.load()
    if (!(await table.isMoved(base))) return undefined
    const { location } = base.metadata
    if (options.dryRun) return location
    const next = await relocated(table, base, options)
    const outcome = await table.catalog.compareAndSwap(table.name, base, next)
    if (outcome.kind === 'committed') return location
  }
  throw new AssayError('commit_contention', `table ${table.name} changes while it is relocated`, {
    hint: 'stop whatever writes to it, and try again',
    retryable: true,
  })
}

async function relocated(table: Table, base: TableVersion, options: RelocateOptions): Promise<TableMetadata> {
  const { metadata, tableKey } = base
  const to = table.store.location(tableKey)
  const relocation = new Relocation(metadata.location, to, tableKey)
  const relocator = new ManifestRelocator(table, base, relocation, options.rewriteDeletes)
  const snapshots = []
  for (const snapshot of metadata.snapshots) snapshots.push(await relocator.snapshot(snapshot))
  const properties = Object.fromEntries(
    Object.entries(metadata.properties).map(([name, value]) => [name, relocation.text(value)]),
  )
  return {
    ...metadata,
    location: to,
    lastUpdated_ms: Math.max(metadata.lastUpdated_ms, Math.floor(table.clock.now_ms())),
    snapshots,
    metadataLog: metadata.metadataLog.map((entry) => ({ ...entry, file: relocation.text(entry.file) })),
    extra: withMovedStatistics(metadata.extra, relocation),
    properties: {
      ...properties,
      ...(await movedExpiredFiles(table, base, relocation, relocator.replaced)),
      ...(await movedPending(table, metadata, relocation, options)),
    },
  }
}

/** Lists of expired files under new names, with a last one of what the relocation itself replaces. */
async function movedExpiredFiles(
  table: Table,
  { metadata, tableKey }: TableVersion,
  relocation: Relocation,
  replaced: ReadonlySet<string>,
): Promise<Readonly<Record<string, string>>> {
  const moved = []
  const put = async (paths: readonly string[]): Promise<string> => {
    const list = `trash-${table.random.uuid()}.json`
    await table.store.put(`${tableKey}/metadata/${list}`, serializeExpiredFiles(paths))
    return list
  }
  for (const entry of expiredFilesEntries(metadata, table.propertyPrefix)) {
    const bytes = await table.store.get(`${tableKey}/metadata/${entry.list}`)
    if (!bytes) continue
    const paths = parseExpiredFiles(bytes).map((path) => relocation.path(path))
    replaced = new Set([...replaced, `${table.store.location(tableKey)}/metadata/${entry.list}`])
    moved.push({ ...entry, list: await put(paths) })
  }
  if (mayDeleteFiles(metadata) && replaced.size > 0) {
    moved.push({
      list: await put([...replaced]),
      since_ms: Math.floor(table.clock.now_ms()),
      sequence: greatestSequence(metadata),
    })
  }
  return moved.length === 0 ? {} : { [expiredFilesProperty(table.propertyPrefix)]: serializeExpiredFilesEntries(moved) }
}

/** What waits in the table's outbox, whose manifests lie in other tables. */
async function movedPending(
  table: Table,
  metadata: TableMetadata,
  relocation: Relocation,
  options: RelocateOptions,
): Promise<Readonly<Record<string, string>>> {
  const entries = pendingEntries(metadata, table.propertyPrefix)
  const moved = []
  for (const entry of entries) {
    const side = options.table(entry.table)
    const found = side && (await side.load())
    const manifest =
      side && found
        ? await relocatePendingManifest({ table: side, metadata: found.metadata }, entry.manifest, relocation)
        : undefined
    // A manifest that is missing is for the publisher to tell.
    moved.push({
      ...entry,
      manifest: manifest?.path ?? relocation.path(entry.manifest),
      length_bytes: manifest?.length_bytes ?? entry.length_bytes,
    })
  }
  return entries.length === 0 ? {} : { [pendingProperty(table.propertyPrefix)]: serializePending(moved) }
}

function withMovedStatistics(extra: JsonObject, relocation: Relocation): JsonObject {
  const moved = (value: Json): Json =>
    Array.isArray(value)
      ? value.map((one: Json) => {
          const statistics = asObject(one, 'statistics')
          const path = statistics['statistics-path']
          return typeof path === 'string' ? { ...statistics, 'statistics-path': relocation.text(path) } : statistics
        })
      : value
  return Object.fromEntries(
    Object.entries(extra).map(([name, value]) => [
      name,
      name === 'statistics' || name === 'partition-statistics' ? moved(value) : value,
    ]),
  )
}
