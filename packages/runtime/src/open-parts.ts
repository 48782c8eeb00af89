import { join, resolve } from 'node:path'
import type { Clock, Random } from '@assay/core'
import { type EventLog, openFileLog } from '@assay/event-log'
import { type Catalog, FileSystemCatalog } from '@assay/iceberg'
import { type ObjectStore, openLocalStore } from '@assay/object-store'
import { openEmbeddedRegistry, type SchemaRegistry } from '@assay/schema-registry'
import type { LakeParts } from './lake-parts.js'

export interface OpenedParts {
  readonly location: string
  readonly workDirectory: string
  readonly store: ObjectStore
  readonly log: EventLog
  readonly registry: SchemaRegistry
  readonly catalog: Catalog
  close(): Promise<void>
}

const NAMESPACE = 'market_data'
const TABLES_PREFIX = `tables/${NAMESPACE}`

/** Opens what a lake stands on. */
export async function openParts(
  parts: LakeParts,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<OpenedParts> {
  const location = resolve(parts.location)
  const workDirectory = resolve(parts.workDirectory ?? join(location, '.scratch'))
  const store = await openLocalStore(location, { random })
  const log = await openFileLog({ directory: join(location, 'log'), clock, random })
  return {
    location,
    workDirectory,
    store,
    log,
    registry: openEmbeddedRegistry(store, 'schemas'),
    catalog: new FileSystemCatalog(store, TABLES_PREFIX, { clock, random }),
    close: () => log.close(),
  }
}
