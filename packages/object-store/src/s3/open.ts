import type { ObjectStore } from '../store.js'
import { storeError } from '../store-errors.js'
import { openingError } from './faults.js'
import { checkOptions, DEFAULT_CACHE_BYTES, DEFAULT_PROBE_ROUNDS, type S3StoreOptions } from './options.js'
import { probeConditionalPuts } from './probe.js'

/**
 * Opens a place in a bucket as an object store, with credentials by the SDK's standard chain (environment, profile,
 * role). Makes sure that the bucket answers and that its conditional puts are atomic. Throws a `UsageError` for
 * what has to be mended (`store_options_invalid`, `store_denied`, `store_no_bucket`, `store_wrong_region`,
 * `store_not_atomic`), an `OutageError` for a server that is away.
 */
export async function openS3Store(options: S3StoreOptions): Promise<ObjectStore> {
  const limits = checkOptions(options)
  // The SDK takes its time to load, and only a lake on S3 needs it.
  const [{ makeClient }, { Requests }, { S3Store }, { FileCache }] = await Promise.all([
    import('./client.js'),
    import('./requests.js'),
    import('./s3-store.js'),
    import('./file-cache.js'),
  ])
  const { bucket, prefix = '', cacheDirectory, clock, random } = options
  const client = await makeClient(options, limits)
  const cache = await FileCache.open({
    directory: cacheDirectory,
    bytes_max: options.cache_bytes ?? DEFAULT_CACHE_BYTES,
    scope: [options.endpoint, bucket, prefix].join('\0'),
    clock,
    random,
  }).catch((error: unknown) => {
    throw storeError(error, 'opening the cache in', cacheDirectory)
  })
  const requests = new Requests(client, { clock, random, limits })
  const store = new S3Store({ bucket, prefix, sse: options.sse, requests, cache, random })
  try {
    for await (const _ of store.list('')) break
    await probeConditionalPuts(store, { rounds: options.probeRounds ?? DEFAULT_PROBE_ROUNDS, random })
    return store
  } catch (error) {
    throw openingError(error)
  }
}
