import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Random, UsageError } from '@assay/core'
import type { EventLog } from '@assay/event-log'
import type { Catalog } from '@assay/iceberg'
import { HomeFolder, type ObjectStore, storeError } from '@assay/object-store'
import type { SchemaRegistry } from '@assay/schema-registry'
import { cacheIn, openCatalog, openLog, openRegistry, openStore, type PartsContext } from './open-part.js'
import { makeReadFolder, type ReadFolder } from './read-folder.js'
import type { LakeParts } from './settings/lake-parts.js'

/** The folder of a lake that lies in one. */
export function lakeHome({ store }: LakeParts): HomeFolder | undefined {
  return store.kind === 'folder' ? new HomeFolder(store.directory) : undefined
}

interface OpenedParts {
  readonly location: string
  readonly workDirectory: string
  readonly dataDirectory: string
  readonly store: ObjectStore
  readonly log: EventLog
  readonly registry: SchemaRegistry
  readonly catalog: Catalog
  /** Removes what this process kept for itself. */
  readonly removeScratch: () => Promise<void>
}

/**
 * Opens what a lake stands on. Throws an OutageError where a part does not answer, a UsageError where it never will.
 */
export async function openParts(parts: LakeParts, given: PartsContext): Promise<OpenedParts> {
  const home = given.home ?? lakeHome(parts)
  const context = { ...given, ...(home && { home }) }
  const work = await workPlace(parts, context)
  try {
    return await openIn(work, parts, context)
  } catch (error) {
    await work.removeScratch()
    throw error
  }
}

async function openIn(work: WorkPlace, parts: LakeParts, context: PartsContext): Promise<OpenedParts> {
  const { workDirectory, removeScratch } = work
  const store = await openStore(parts, workDirectory, context)
  const registry = await openRegistry(parts, store, context)
  const catalog = await openCatalog(parts, store, context)
  const log = await openLog(parts, context)
  const shared = { workDirectory, store, log, registry, catalog, removeScratch }
  if (parts.store.kind === 'folder') {
    return { ...shared, location: resolve(parts.location), dataDirectory: store.location('tables') }
  }
  return { ...shared, location: parts.location, dataDirectory: cacheIn(workDirectory) }
}

interface WorkPlace {
  readonly workDirectory: string
  readonly removeScratch: () => Promise<void>
}

/** A folder of its own for who must not write in the lake's. */
async function workPlace({ store, workDirectory }: LakeParts, { access, random }: PartsContext): Promise<WorkPlace> {
  const keep = async (): Promise<void> => undefined
  if (store.kind === 's3') {
    const usual = join(tmpdir(), 'assay', store.bucket, store.prefix)
    return { workDirectory: resolve(workDirectory ?? usual), removeScratch: keep }
  }
  if (access !== 'read') {
    return { workDirectory: resolve(workDirectory ?? join(store.directory, '.scratch')), removeScratch: keep }
  }
  const own = await ownFolder(workDirectory, random)
  return { workDirectory: own.path, removeScratch: () => own.remove() }
}

async function ownFolder(workDirectory: string | undefined, random: Random): Promise<ReadFolder> {
  const parent = resolve(workDirectory ?? tmpdir())
  try {
    return await makeReadFolder(parent, random)
  } catch (cause) {
    // A folder that is right otherwise is waited for, since this passes.
    const error = storeError(cause, 'making a folder for scratch files in', parent)
    if (error.code === 'store_full' || error.code === 'store_too_many_files') throw error
    const said = cause instanceof Error ? cause.message : String(cause)
    throw new UsageError('work_folder_unusable', `no folder can be made in the work folder ${parent}: ${said}`, {
      hint: 'let ASSAY_WORK_DIR name a folder that this user may write to',
      cause,
    })
  }
}
