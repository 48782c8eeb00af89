import { readFile } from 'node:fs/promises'
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
  type HomeFolder,
  type ObjectStore,
  type OnS3Request,
  openLocalStore,
  openS3Store,
  ReadOnlyStore,
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
  /**
   * For who looks whether a part works: it counts as away after so long, where work goes on trying. A bucket is not
   * proven before its first create, since a proof stays in it.
   */
  readonly patience_ms?: number
}

const NAMESPACE = 'market_data'
const TABLES_PREFIX = `tables/${NAMESPACE}`
const SCHEMAS_PREFIX = 'schemas'
const LOG_FOLDER = 'log'

/** Where copies of a bucket's objects are kept. */
export function cacheIn(workDirectory: string): string {
  return join(workDirectory, 'cache')
}

/** Opens what the tables and schemas lie in; `workDirectory` is for copies and unfinished files. */
export async function openStore(
  { store }: LakeParts,
  workDirectory: string,
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
  const { clock, random, onStoreRequest, patience_ms } = context
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
    ...(patience_ms !== undefined && {
      probeRounds: 0,
      limits: { attemptsMax: 1, connect_ms: patience_ms, response_ms: patience_ms, silence_ms: patience_ms },
    }),
  })
}

export async function openLog(parts: LakeParts, context: PartsContext): Promise<EventLog> {
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
  const { clock, random, onKafkaEvent, patience_ms } = context
  return openKafkaLog({
    brokers,
    clock,
    random,
    topics,
    producer,
    ...(tls && { tls: await readTls(tls) }),
    ...(sasl && { sasl: saslOf(sasl) }),
    ...(onKafkaEvent && { onEvent: onKafkaEvent }),
    ...(patience_ms !== undefined && { limits: { request_ms_max: patience_ms, retry_ms_max: patience_ms } }),
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

export async function openRegistry(
  { registry }: LakeParts,
  store: ObjectStore,
  { clock, random, patience_ms }: PartsContext,
): Promise<SchemaRegistry> {
  if (registry.kind === 'embedded') return openEmbeddedRegistry(store, SCHEMAS_PREFIX, readerOf)
  const { url, auth } = registry
  const limits = patience_ms !== undefined && { timeout_ms: patience_ms, attemptsMax: 1 }
  const subjects = exchanges.map(({ topic }) => subjectOf(topic))
  return openConfluentRegistry({ url, readerOf, subjects, clock, random, ...(auth && { auth }), ...limits })
}

export async function openCatalog({ catalog }: LakeParts, store: ObjectStore, context: PartsContext): Promise<Catalog> {
  const { clock, random, patience_ms } = context
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
    ...(patience_ms !== undefined && { limits: { timeout_ms: patience_ms, attempts: 1 } }),
  })
}
