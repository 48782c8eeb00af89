import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { type Clock, type Random, UsageError } from '@assay/core'
import { PRODUCE_LIMITS } from '../../defaults.js'
import { BATCH_BYTES_MAX, type ProduceLimits } from '../../plan.js'

/** A secret, or what gives one: asked again whenever a connection is made. */
type Secret = string | (() => string | Promise<string>)

export type KafkaSasl =
  | {
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
      readonly username: Secret
      readonly password: Secret
    }
  | { readonly mechanism: 'OAUTHBEARER'; readonly token: Secret }

export type KafkaTls = Pick<TlsOptions, 'ca' | 'cert' | 'key' | 'passphrase' | 'rejectUnauthorized' | 'servername'>

interface KafkaLogLimits extends ProduceLimits {
  /** What one request asks of one lane; a larger batch comes whole all the same. */
  readonly fetch_bytes: number
  /** Bytes fetched and not yet read by the caller, of all lanes together. */
  readonly buffer_bytes: number
  /** A batch, compressed or not; a larger one stops its lane with `batch_too_large`. */
  readonly batch_bytes_max: number
  /** How long to go on trying before something is an outage. */
  readonly retry_ms_max: number
  /** How long a broker may take to answer, and to let us in. */
  readonly request_ms_max: number
  /** How often to ask for new records while waiting for them. */
  readonly poll_ms: number
  /** A member of a group that is not heard of for so long loses its lanes. */
  readonly session_ms: number
}

const DEFAULTS: KafkaLogLimits = {
  ...PRODUCE_LIMITS,
  fetch_bytes: 4 * 1024 * 1024,
  buffer_bytes: 64 * 1024 * 1024,
  batch_bytes_max: 64 * 1024 * 1024,
  retry_ms_max: 15_000,
  request_ms_max: 10_000,
  poll_ms: 20,
  session_ms: 10_000,
}

/** Defaults of a producer: calls of the same moment go into one request. */
const PRODUCER: Required<ProducerOptions> = { linger_ms: 1, batch_bytes: BATCH_BYTES_MAX, compression: 'lz4' }

/** Something that went on in the background and that nobody waited for. */
export interface KafkaEvent {
  readonly kind: 'group_joined' | 'group_lost' | 'group_failed' | 'report_failed'
  readonly group: string
  readonly message: string
}

/** Of topics that we make; what is left out is the cluster's default. */
export interface TopicOptions {
  readonly replicationFactor?: number
  /** Copies that must have a record before it is acknowledged. */
  readonly minInsyncReplicas?: number
  /** Bytes that a lane keeps at least; it keeps all if not given. */
  readonly retention_bytes?: number
}

export type ProducerCompression = 'none' | 'gzip' | 'lz4'

/** How records are gathered into batches. */
export interface ProducerOptions {
  /** How long a batch waits for more records. */
  readonly linger_ms?: number
  /** Of a batch at most, before it is compressed; the topic's own limit stands beside it. */
  readonly batch_bytes?: number
  readonly compression?: ProducerCompression
}

export interface KafkaLogOptions {
  /** `host:port` of one broker at least; the others are learnt from it. */
  readonly brokers: readonly string[]
  readonly clock: Clock
  readonly random: Random
  readonly clientId?: string
  readonly tls?: KafkaTls
  readonly sasl?: KafkaSasl
  readonly limits?: Partial<KafkaLogLimits>
  readonly topics?: TopicOptions
  readonly producer?: ProducerOptions
  readonly onEvent?: (event: KafkaEvent) => void
}

export interface Broker {
  readonly host: string
  readonly port: number
}

export interface KafkaSettings
  extends Omit<Required<KafkaLogOptions>, 'brokers' | 'tls' | 'sasl' | 'limits' | 'producer'> {
  readonly brokers: readonly Broker[]
  readonly tls?: KafkaTls
  readonly sasl?: KafkaSasl
  readonly limits: KafkaLogLimits
  readonly producer: Required<ProducerOptions>
}

/** Options with their defaults. Throws `bad_kafka_options` with every mistake; secrets are not shown. */
export function readKafkaOptions(options: KafkaLogOptions): KafkaSettings {
  const mistakes: string[] = []
  const brokers = options.brokers.flatMap((text) => readBroker(text, mistakes))
  if (options.brokers.length === 0) mistakes.push('name one broker at least')
  const limits = { ...DEFAULTS, ...options.limits }
  for (const [name, value] of Object.entries(limits)) {
    if (!Number.isSafeInteger(value) || value < 1) mistakes.push(`${name} must be a whole number from 1 on`)
  }
  if (options.sasl) checkSasl(options.sasl, mistakes)
  if (mistakes.length > 0) {
    throw new UsageError('bad_kafka_options', mistakes.join('; '), { hint: 'mend the settings of the Kafka log' })
  }
  return {
    clientId: 'assay',
    topics: {},
    onEvent: () => undefined,
    ...options,
    brokers,
    limits,
    producer: { ...PRODUCER, ...options.producer },
  }
}

function readBroker(text: string, mistakes: string[]): Broker[] {
  const [, inBrackets, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? []
  const host = inBrackets ?? plain
  if (host && Number(port) > 0 && Number(port) < 65_536) return [{ host, port: Number(port) }]
  mistakes.push(`${JSON.stringify(text)} is not the host:port of a broker`)
  return []
}

function checkSasl(sasl: KafkaSasl, mistakes: string[]): void {
  const isThere = (name: string, secret: Secret | undefined): void => {
    if (!secret) mistakes.push(`SASL ${sasl.mechanism} needs a ${name}`)
  }
  switch (sasl.mechanism) {
    case 'PLAIN':
    case 'SCRAM-SHA-256':
    case 'SCRAM-SHA-512':
      isThere('username', sasl.username)
      isThere('password', sasl.password)
      return
    case 'OAUTHBEARER':
      isThere('token', sasl.token)
      return
    default:
      mistakes.push('the SASL mechanism must be PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER')
  }
}
