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
<<<<<<< HEAD
=======

function cacheIn(workDirectory: string): string {
  return join(workDirectory, 'cache')
}

async function openStore(
  { store }: LakeParts,
  { workDirectory }: WorkPlace,
  context: PartsContext,
): Promise<ObjectStore> {
  const isRead = context.access === 'read'
  if (store.kind === 'folder') {
    const local = await openLocalStore(resolve(store.directory), context)
    return isRead ? new ReadOnlyStore(local, workDirectory) : local
  }
  const bucket = await openBucket(store, workDirectory, context)
  return isRead ? new ReadOnlyStore(bucket) : bucket
}

function openBucket(part: S3Part, workDirectory: string, context: PartsContext): Promise<ObjectStore> {
  const { clock, random, onStoreRequest } = context
  const { bucket, prefix, endpoint, region, pathStyle, sse, cache_bytes } = part
  return openS3Store({
    bucket,
    prefix,
    region,
    pathStyle,
    cacheDirectory: cacheIn(workDirectory),
    cache_bytes,
    clock,
    random,
    ...(endpoint !== undefined && { endpoint }),
    ...(sse !== undefined && { sse }),
    ...(onStoreRequest && { onRequest: onStoreRequest }),
  })
}

async function openLog(parts: LakeParts, context: PartsContext): Promise<EventLog> {
  switch (parts.log.kind) {
    case 'embedded':
      return openEmbedded(join(resolve(parts.location), LOG_FOLDER), context)
    case 'absent':
      return absentLog(
        () =>
          new UsageError('log_missing', 'no event log is named', {
            hint: 'set ASSAY_KAFKA_BROKERS: a lake in a bucket has no log of its own',
          }),
      )
    case 'kafka':
      return openKafka(parts.log, context)
  }
}

function openEmbedded(directory: string, context: PartsContext): Promise<EventLog> {
  const { clock, random, access = 'write', home, onFileLogEvent } = context
  return openFileLog({
    directory,
    access,
    clock,
    random,
    ...(home && { home: home.inside(LOG_FOLDER) }),
    ...(onFileLogEvent && { onEvent: onFileLogEvent }),
  })
}

async function openKafka(
  { brokers, tls, sasl, topics, producer }: KafkaPart,
  context: PartsContext,
): Promise<EventLog> {
  const { clock, random, onKafkaEvent } = context
  return openKafkaLog({
    brokers,
    clock,
    random,
    topics,
    producer,
    ...(tls && { tls: await readTls(tls) }),
    ...(sasl && { sasl: saslOf(sasl) }),
    ...(onKafkaEvent && { onEvent: onKafkaEvent }),
  })
}

async function readTls({ ca, client }: TlsFiles): Promise<KafkaTls> {
  return {
    ...(ca !== undefined && { ca: await readPem(ca) }),
    ...(client && { cert: await readPem(client.cert), key: await readPem(client.key) }),
  }
}

async function readPem(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new UsageError(
      'file_unreadable',
      `${path} can't be read: ${cause instanceof Error ? cause.message : cause}`,
      {
        hint: 'the ASSAY_KAFKA_TLS_… settings name PEM files',
      },
    )
  }
}

function saslOf(sasl: Sasl): KafkaSasl {
  if (sasl.mechanism !== 'OAUTHBEARER') return sasl
  return { mechanism: sasl.mechanism, token: async () => (await readFile(sasl.tokenFile, 'utf8')).trim() }
}

function subjectOf(topic: string): string {
  return `${topic}-value`
}

/** Silver reads the subjects of the exchanges' topics. */
export function readerOf(subject: string): string | undefined {
  const exchange = exchanges.find(({ topic }) => subject === subjectOf(topic))
  return exchange && readerSchemaOf(exchange)
}

async function openRegistry(
  { registry }: LakeParts,
  store: ObjectStore,
  { clock, random }: PartsContext,
): Promise<SchemaRegistry> {
  if (registry.kind === 'embedded') return openEmbeddedRegistry(store, SCHEMAS_PREFIX, readerOf)
  const { url, auth } = registry
  const subjects = exchanges.map(({ topic }) => subjectOf(topic))
  return openConfluentRegistry({ url, readerOf, subjects, clock, random, ...(auth && { auth }) })
}

async function openCatalog({ catalog }: LakeParts, store: ObjectStore, context: PartsContext): Promise<Catalog> {
  const { clock, random } = context
  if (catalog.kind === 'file_system') return new FileSystemCatalog(store, TABLES_PREFIX, { clock, random })
  const { url, warehouse, token, credential } = catalog
  return openRestCatalog({
    url,
    namespace: NAMESPACE,
    store,
    clock,
    random,
    ...(warehouse !== undefined && { warehouse }),
    ...(token !== undefined && { token }),
    ...(credential !== undefined && { credential }),
  })
}
>>>>>>> 522ba55 (A refused schema id stops only its records, in a process that has seen no other schema, too)
