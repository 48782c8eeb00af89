export { type Fault, type FaultPlan, FaultyStore, type StoreCall } from './faulty-store.js'
export { HomeFolder } from './home-folder.js'
export { checkKey } from './keys.js'
export { LocalStore, type LocalStoreDependencies, openLocalStore } from './local-store.js'
export { MemoryStore, type MemoryStoreOptions } from './memory-store.js'
export { ReadOnlyStore } from './read-only-store.js'
export { openS3Store } from './s3/open.js'
export type { S3Encryption, S3Limits, S3StoreOptions } from './s3/options.js'
export { probeConditionalPuts } from './s3/probe.js'
export {
  type OnS3Request,
  S3_OPERATIONS,
  type S3Operation,
  type S3RequestOutcome,
} from './s3/s3-request.js'
export type { ObjectEntry, ObjectStore } from './store.js'
