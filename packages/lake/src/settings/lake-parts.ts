import type { ProducerOptions, TopicOptions } from '@assay/event-log'
import type { S3Encryption } from '@assay/object-store'
import { OLDER_VERSIONS_MS } from '@assay/pipeline'
import type { RegistryAuth } from '@assay/schema-registry'
import { DEFAULT_HISTORY_HOURS, DEFAULT_TOPIC_PARTITIONS } from './defaults.js'
import type { PartsValues } from './parts-settings.js'

/** On which parts a lake stands: parsed, so that no half of a pair is missing. */
export interface LakeParts {
  /** Location of the lake as the user named it. */
  readonly location: string
  readonly workDirectory: string | undefined
  /** States of each table at full hours that are kept for `--as-of`. */
  readonly historyHours: number
  readonly store: { readonly kind: 'folder'; readonly directory: string } | S3Part
  /** `absent`: a lake in a bucket that is only asked. */
  readonly log: { readonly kind: 'embedded' | 'absent' } | KafkaPart
  readonly registry: { readonly kind: 'embedded' } | RegistryPart
  readonly catalog: { readonly kind: 'file_system' } | RestCatalogPart
  /** Partitions of a topic that has to be made. */
  readonly topicPartitions: number
  /** For how long a commit of an older version of Assay keeps columns from being added to a table. */
  readonly olderVersions_ms: number
}

export interface S3Part {
  readonly kind: 's3'
  readonly bucket: string
  readonly prefix: string
  readonly endpoint: string | undefined
  readonly region: string
  readonly pathStyle: boolean
  readonly sse: S3Encryption | undefined
  readonly cache_bytes: number
}

export interface KafkaPart {
  readonly kind: 'kafka'
  readonly brokers: readonly string[]
  readonly tls: TlsFiles | undefined
  readonly sasl: Sasl | undefined
  readonly topics: TopicOptions
  readonly producer: ProducerOptions
}

/** Paths of PEM files for TLS. */
export interface TlsFiles {
  readonly ca: string | undefined
  readonly client: { readonly cert: string; readonly key: string } | undefined
}

export type Sasl =
  | {
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
      readonly username: string
      readonly password: string
    }
  | { readonly mechanism: 'OAUTHBEARER'; readonly tokenFile: string }

interface RegistryPart {
  readonly kind: 'confluent'
  readonly url: string
  readonly auth: RegistryAuth | undefined
}

interface RestCatalogPart {
  readonly kind: 'rest'
  readonly url: string
  readonly warehouse: string | undefined
  readonly token: string | undefined
  readonly credential: string | undefined
}

/** A lake in a folder, on the embedded parts alone. */
export function embeddedParts(directory: string): LakeParts {
  return {
    location: directory,
    workDirectory: undefined,
    historyHours: DEFAULT_HISTORY_HOURS,
    store: { kind: 'folder', directory },
    log: { kind: 'embedded' },
    registry: { kind: 'embedded' },
    catalog: { kind: 'file_system' },
    topicPartitions: DEFAULT_TOPIC_PARTITIONS,
    olderVersions_ms: OLDER_VERSIONS_MS,
  }
}

/**
 * Puts the values together; what does not go together is added to the mistakes, unless it is about a value that is wrong
 * by itself. Undefined when there are any.
 */
export function lakeParts(values: PartsValues, mistakes: string[]): LakeParts | undefined {
  const wrong = mistakes.flatMap((mistake) => /^ASSAY_\w+/.exec(mistake)?.[0] ?? [])
  const between: string[] = []
  const parts = together(values, between)
  mistakes.push(...between.filter((mistake) => !wrong.some((name) => mistake.includes(name))))
  return mistakes.length > 0 ? undefined : parts
}

function together(values: PartsValues, mistakes: string[]): LakeParts {
  const location = values.ASSAY_LAKE
  return {
    location,
    workDirectory: values.ASSAY_WORK_DIR,
    historyHours: values.ASSAY_HISTORY_HOURS,
    store: location.startsWith('s3://') ? s3Part(values, location, mistakes) : { kind: 'folder', directory: location },
    log: kafkaPart(values, mistakes),
    registry: registryPart(values, mistakes),
    catalog: catalogPart(values, mistakes),
    topicPartitions: values.ASSAY_TOPIC_PARTITIONS,
    olderVersions_ms: values.ASSAY_OLDER_VERSIONS_MINUTES * 60_000,
  }
}

function s3Part(values: PartsValues, location: string, mistakes: string[]): S3Part {
  const [bucket = '', ...prefix] = location.slice('s3://'.length).replace(/\/$/, '').split('/')
  return {
    kind: 's3',
    bucket,
    prefix: prefix.join('/'),
    endpoint: values.ASSAY_S3_ENDPOINT,
    region: values.ASSAY_S3_REGION,
    pathStyle: values.ASSAY_S3_PATH_STYLE,
    sse: encryption(values, mistakes),
    cache_bytes: values.ASSAY_CACHE_BYTES,
  }
}

function encryption(values: PartsValues, mistakes: string[]): S3Encryption | undefined {
  const { ASSAY_S3_SSE: algorithm, ASSAY_S3_SSE_KEY_ID: kmsKeyId } = values
  if (algorithm === 'aws:kms' && kmsKeyId !== undefined) return { kmsKeyId }
  if (algorithm === 'aws:kms') mistakes.push('ASSAY_S3_SSE_KEY_ID is missing: aws:kms takes the key that it names')
  else if (kmsKeyId !== undefined) mistakes.push('ASSAY_S3_SSE must be aws:kms where a key is named')
  return algorithm === 'AES256' ? algorithm : undefined
}

function kafkaPart(values: PartsValues, mistakes: string[]): LakeParts['log'] {
  const brokers = values.ASSAY_KAFKA_BROKERS
  const topics = topicOptions(values, mistakes)
  const producer = producerOptions(values)
  if (brokers.length === 0) {
    if (Object.keys({ ...topics, ...producer }).length > 0) {
      mistakes.push('ASSAY_KAFKA_BROKERS is missing: settings of its topics or producers are given')
    }
    return { kind: values.ASSAY_LAKE.startsWith('s3://') ? 'absent' : 'embedded' }
  }
  return { kind: 'kafka', brokers, tls: tlsFiles(values, mistakes), sasl: sasl(values, mistakes), topics, producer }
}

function topicOptions(values: PartsValues, mistakes: string[]): TopicOptions {
  const replicationFactor = values.ASSAY_TOPIC_REPLICATION_FACTOR
  const minInsyncReplicas = values.ASSAY_TOPIC_MIN_INSYNC_REPLICAS
  if (replicationFactor !== undefined && (minInsyncReplicas ?? 1) > replicationFactor) {
    mistakes.push('ASSAY_TOPIC_MIN_INSYNC_REPLICAS is above ASSAY_TOPIC_REPLICATION_FACTOR: nothing could be written')
  }
  return {
    ...(replicationFactor !== undefined && { replicationFactor }),
    ...(minInsyncReplicas !== undefined && { minInsyncReplicas }),
  }
}

function producerOptions(values: PartsValues): ProducerOptions {
  const linger_ms = values.ASSAY_PRODUCER_LINGER_MS
  const batch_bytes = values.ASSAY_PRODUCER_BATCH_BYTES
  const compression = values.ASSAY_PRODUCER_COMPRESSION
  return {
    ...(linger_ms !== undefined && { linger_ms }),
    ...(batch_bytes !== undefined && { batch_bytes }),
    ...(compression !== '' && { compression }),
  }
}

function tlsFiles(values: PartsValues, mistakes: string[]): TlsFiles | undefined {
  const { ASSAY_KAFKA_TLS_CERT_FILE: cert, ASSAY_KAFKA_TLS_KEY_FILE: key, ASSAY_KAFKA_TLS_CA_FILE: ca } = values
  if (!values.ASSAY_KAFKA_TLS) {
    if (cert ?? key ?? ca) mistakes.push('ASSAY_KAFKA_TLS must be true where TLS files are named')
    return undefined
  }
  if ((cert === undefined) !== (key === undefined)) {
    mistakes.push('ASSAY_KAFKA_TLS_CERT_FILE and ASSAY_KAFKA_TLS_KEY_FILE go together')
  }
  return { ca, client: cert !== undefined && key !== undefined ? { cert, key } : undefined }
}

function sasl(values: PartsValues, mistakes: string[]): Sasl | undefined {
  const mechanism = values.ASSAY_KAFKA_SASL_MECHANISM
  const username = values.ASSAY_KAFKA_SASL_USERNAME
  const password = values.ASSAY_KAFKA_SASL_PASSWORD
  const tokenFile = values.ASSAY_KAFKA_SASL_TOKEN_FILE
  if (mechanism === 'none') {
    if (username ?? password ?? tokenFile) mistakes.push('ASSAY_KAFKA_SASL_MECHANISM must say how to log in')
    return undefined
  }
  if (mechanism === 'OAUTHBEARER') {
    if (tokenFile !== undefined) return { mechanism, tokenFile }
    mistakes.push('ASSAY_KAFKA_SASL_TOKEN_FILE is missing: OAUTHBEARER takes its token from there')
    return undefined
  }
  if (username !== undefined && password !== undefined) return { mechanism, username, password }
  mistakes.push(`ASSAY_KAFKA_SASL_USERNAME and ASSAY_KAFKA_SASL_PASSWORD must both be given for ${mechanism}`)
  return undefined
}

function registryPart(values: PartsValues, mistakes: string[]): LakeParts['registry'] {
  const url = values.ASSAY_REGISTRY_URL
  const { ASSAY_REGISTRY_USERNAME: username, ASSAY_REGISTRY_PASSWORD: password, ASSAY_REGISTRY_TOKEN: token } = values
  if (url === undefined) {
    if (username ?? password ?? token) mistakes.push('ASSAY_REGISTRY_URL is missing: there is a login for it')
    return { kind: 'embedded' }
  }
  if ((username === undefined) !== (password === undefined)) {
    mistakes.push('ASSAY_REGISTRY_USERNAME and ASSAY_REGISTRY_PASSWORD go together')
  }
  if (token !== undefined && username !== undefined) {
    mistakes.push('ASSAY_REGISTRY_TOKEN and ASSAY_REGISTRY_USERNAME are two ways to log in: choose one')
  }
  if (token !== undefined) return { kind: 'confluent', url, auth: { token } }
  const auth = username !== undefined && password !== undefined ? { user: username, password } : undefined
  return { kind: 'confluent', url, auth }
}

function catalogPart(values: PartsValues, mistakes: string[]): LakeParts['catalog'] {
  const { ASSAY_CATALOG_URL: url, ASSAY_CATALOG_WAREHOUSE: warehouse } = values
  const { ASSAY_CATALOG_TOKEN: token, ASSAY_CATALOG_CREDENTIAL: credential } = values
  if (url === undefined) {
    if (warehouse ?? token ?? credential)
      mistakes.push('ASSAY_CATALOG_URL is missing: other settings speak of a catalog')
    return { kind: 'file_system' }
  }
  if (token !== undefined && credential !== undefined) {
    mistakes.push('ASSAY_CATALOG_TOKEN and ASSAY_CATALOG_CREDENTIAL are two ways to log in: choose one')
  }
  return { kind: 'rest', url, warehouse, token, credential }
}
