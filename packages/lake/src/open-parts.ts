import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Clock, type Random, UsageError } from '@assay/core'
import {
  absentLog,
  type EventLog,
  type FileLogEvent,
  type KafkaEvent,
  type KafkaSasl,
  type KafkaTls,
  openFileLog,
  openKafkaLog,
} from '@assay/event-log'
import { exchanges, readerSchemaOf } from '@assay/exchanges'
import { type Catalog, FileSystemCatalog, openRestCatalog } from '@assay/iceberg'
import {
  HomeFolder,
  type ObjectStore,
  type OnS3Request,
  openLocalStore,
  openS3Store,
  ReadOnlyStore,
  storeError,
} from '@assay/object-store'
import { openConfluentRegistry, openEmbeddedRegistry, type SchemaRegistry } from '@assay/schema-registry'
import type { KafkaPart, LakeParts, S3Part, Sasl, TlsFiles } from './settings/lake-parts.js'

export interface PartsContext {
  readonly clock: Clock
  readonly random: Random
  readonly onKafkaEvent?: (event: KafkaEvent) => void
  /** Called with what the embedded log cut off or restored. */
  readonly onFileLogEvent?: (event: FileLogEvent) => void
  /** Called with every request to a bucket. */
  readonly onStoreRequest?: OnS3Request
  /** `read`: nothing in the lake is written, so that rights to read are enough. */
  readonly access?: 'read' | 'write'
  /**
   * Given, as `lakeHome` made it, by who opens the lake again after an outage: a folder that has gone is not made anew.
   */
  readonly home?: HomeFolder
}

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

const NAMESPACE = 'market_data'
const TABLES_PREFIX = `tables/${NAMESPACE}`
const SCHEMAS_PREFIX = 'schemas'
const LOG_FOLDER = 'log'

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
  const store = await openStore(parts, work, context)
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
async function workPlace({ store, workDirectory }: LakeParts, { access }: PartsContext): Promise<WorkPlace> {
  const keep = async (): Promise<void> => undefined
  if (store.kind === 's3') {
    const usual = join(tmpdir(), 'assay', store.bucket, store.prefix)
    return { workDirectory: resolve(workDirectory ?? usual), removeScratch: keep }
  }
  if (access !== 'read') {
    return { workDirectory: resolve(workDirectory ?? join(store.directory, '.scratch')), removeScratch: keep }
  }
  const own = await ownFolder(workDirectory)
  return { workDirectory: own, removeScratch: () => rm(own, { recursive: true, force: true }) }
}

async function ownFolder(workDirectory: string | undefined): Promise<string> {
  const parent = resolve(workDirectory ?? tmpdir())
  try {
    await mkdir(parent, { recursive: true })
    return await mkdtemp(join(parent, 'assay-read-'))
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

/** Silver reads the subjects of the exchanges' topics. */
export function readerOf(subject: string): string | undefined {
  const exchange = exchanges.find(({ topic }) => subject === `${topic}-value`)
  return exchange && readerSchemaOf(exchange)
}

async function openRegistry(
  { registry }: LakeParts,
  store: ObjectStore,
  { clock, random }: PartsContext,
): Promise<SchemaRegistry> {
  if (registry.kind === 'embedded') return openEmbeddedRegistry(store, SCHEMAS_PREFIX, readerOf)
  const { url, auth } = registry
  return openConfluentRegistry({ url, readerOf, clock, random, ...(auth && { auth }) })
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
