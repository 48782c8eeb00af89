import { type Clock, type Random, UsageError } from '@assay/core'
import { checkKey } from '../keys.js'
import type { OnS3Request } from './s3-request.js'

/** Encryption at rest: with keys of the store itself, or with a key of the key service. Else the bucket's default. */
export type S3Encryption = 'AES256' | { readonly kmsKeyId: string }

export interface S3StoreOptions {
  readonly bucket: string
  /** Where in the bucket the store lies, without a slash at either end. The whole bucket by default. */
  readonly prefix?: string
  /** URL of a server that is not AWS. */
  readonly endpoint?: string
  /** Region; unless given, that of the environment or the shared configuration, or `us-east-1` with an endpoint. */
  readonly region?: string
  /** Bucket in the path and not in the host name. True by default when an endpoint is given. */
  readonly pathStyle?: boolean
  readonly sse?: S3Encryption
  /** Folder on this machine for copies of objects and unfinished files. Processes may share it. */
  readonly cacheDirectory: string
  /** Bytes of copies kept; what was handed out a moment ago stays beyond it. */
  readonly cache_bytes?: number
  /** Rounds of 32 racing creates before the first create; 0 leaves the probe out. */
  readonly probeRounds?: number
  readonly limits?: Partial<S3Limits>
  readonly onRequest?: OnS3Request
  readonly clock: Clock
  readonly random: Random
}

export interface S3Limits {
  /** Greatest number of requests in flight; further ones wait. */
  readonly requestsMax: number
  /** Times that a call is tried before it is an outage. */
  readonly attemptsMax: number
  readonly connect_ms: number
  /** Longest time from a request's first byte to the response's first. */
  readonly response_ms: number
  /** Longest silence within a response. */
  readonly silence_ms: number
}

export const DEFAULT_CACHE_BYTES = 8 * 1024 ** 3
export const DEFAULT_PROBE_ROUNDS = 5

const DEFAULT_LIMITS: S3Limits = {
  requestsMax: 32,
  attemptsMax: 5,
  connect_ms: 3_000,
  response_ms: 30_000,
  silence_ms: 10_000,
}

/** The limits with defaults filled in. Throws `store_options_invalid`, which lists every mistake. */
export function checkOptions(options: S3StoreOptions): S3Limits {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const mistakes: string[] = []
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,62}$/.test(options.bucket)) mistakes.push(`"${options.bucket}" is no bucket name`)
  if (options.prefix) mistakes.push(...prefixMistakes(options.prefix))
  if (options.endpoint !== undefined) mistakes.push(...endpointMistakes(options.endpoint))
  if (options.cacheDirectory === '') mistakes.push('the cache directory is empty')
  for (const [name, value] of Object.entries({ cache_bytes: options.cache_bytes ?? DEFAULT_CACHE_BYTES, ...limits })) {
    if (!Number.isSafeInteger(value) || value < 1) mistakes.push(`${name} is ${value}, not a whole number above 0`)
  }
  if (mistakes.length === 0) return limits
  throw new UsageError('store_options_invalid', `the S3 store can't be opened: ${mistakes.join('; ')}`, {
    hint: 'a lake on S3 is s3://bucket/prefix, with an endpoint such as https://object-store:9000 unless it is on AWS',
  })
}

function prefixMistakes(prefix: string): string[] {
  try {
    checkKey(prefix)
    return []
  } catch (error) {
    return [`as the prefix, ${error instanceof Error ? error.message : error}`]
  }
}

function endpointMistakes(endpoint: string): string[] {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) return ['the endpoint is not an http(s) URL']
  // The value is not quoted: a secret would be written to the log.
  if (url.username !== '' || url.password !== '') return ['the endpoint holds a user name or password']
  return []
}
