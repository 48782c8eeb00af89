import type { ObjectStore } from '../store.js'
import { storeError } from '../store-errors.js'
import { openingError } from './faults.js'
import { checkOptions, DEFAULT_CACHE_BYTES, DEFAULT_PROBE_ROUNDS, type S3StoreOptions } from './options.js'

/**
 * Opens a place in a bucket as an object store, with credentials by the SDK's standard chain (environment, profile,
 * role). Makes sure that the bucket answers; that its conditional puts are atomic is seen to before the first of them,
 * which may throw `store_not_atomic`. Throws a `UsageError` for what has to be mended (`store_options_invalid`,
 * `store_denied`, `store_no_bucket`, `store_wrong_region`), an `OutageError` for a server that is away, for what answers
 * in its place, and for credentials that are no longer taken.
 */
export async function openS3Store(options: S3StoreOptions): Promise<ObjectStore> {
  const limits = checkOptions(options)
  // The SDK takes its time to load, and only a lake on S3 needs it.
  const [{ AnswerJudge }, { makeClients }, { Requests }, { S3Store }, { ProvenStore }, { FileCache }] =
    await Promise.all([
      import('./answer.js'),
      import('./client.js'),
      import('./requests.js'),
      import('./s3-store.js'),
      import('./proof.js'),
      import('./file-cache.js'),
    ])
  const { bucket, prefix = '', cacheDirectory, clock, random } = options
  const judge = new AnswerJudge()
  const clients = await makeClients(options, limits, judge)
  const cache = await FileCache.open({
    directory: cacheDirectory,
    bytes_max: options.cache_bytes ?? DEFAULT_CACHE_BYTES,
    scope: [options.endpoint, bucket, prefix].join('\0'),
    clock,
    random,
  }).catch((error: unknown) => {
    throw storeError(error, 'opening the cache in', cacheDirectory)
  })
  const requests = new Requests(clients, { clock, random, limits })
  const store = new S3Store({ bucket, prefix, sse: options.sse, requests, judge, cache, random })
  try {
    for await (const _ of store.list('')) break
  } catch (error) {
    throw openingError(error)
  }
  const { endpoint = 'aws' } = options
  return new ProvenStore(store, {
    rounds: options.probeRounds ?? DEFAULT_PROBE_ROUNDS,
    identity: () => ({ endpoint, bucket, prefix, server: judge.server }),
    clock,
    random,
  })
}
