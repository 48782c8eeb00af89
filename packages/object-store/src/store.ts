/** An object as a listing shows it. */
export interface ObjectEntry {
  readonly key: string
  readonly size_bytes: number
  readonly modified_ms: number
}

/**
 * Where tables and schemas live. Keys are relative, with `/` between the parts (`checkKey` says what is refused,
 * with `bad_key`). A key is never the folder of another: `a` and `a/b` can't both be objects.
 * Every call may throw an `OutageError` (retryable); after a failed `put`, `putIfAbsent`, `create` or
 * `putFile` the object may or may not be there: read it back, never guess.
 */
export interface ObjectStore {
  /** Absolute URI or path of a key, as other engines would open it. */
  location(key: string): string
  /** Whether a location that somebody wrote down is where the key lies: by another name of the same place, too. */
  isLocationOf(location: string, key: string): Promise<boolean>
  /** The whole object, or undefined if there is none. */
  get(key: string): Promise<Uint8Array | undefined>
  /** Size in bytes, or undefined if there is none. */
  size_bytes(key: string): Promise<number | undefined>
  /** Writes or replaces atomically: a reader sees the old bytes or the new ones. Durable when it resolves. */
  put(key: string, bytes: Uint8Array): Promise<void>
  /** Atomic create: of any number of callers exactly one gets `created`. */
  putIfAbsent(key: string, bytes: Uint8Array): Promise<'created' | 'exists'>
  /** Stores bytes under a key not used before (else `object_exists`). Durable when it resolves. */
  create(key: string, bytes: Uint8Array): Promise<void>
  /**
   * Moves a finished local file into the store under a key not used before (else `object_exists`).
   * The local file is gone when it resolves, and the object durable.
   */
  putFile(key: string, localPath: string): Promise<void>
  /**
   * A path on this machine at which the (immutable) object can be read until the process exits or the object
   * is deleted; of a store that is not on this machine, at least for the next five minutes: ask again for every
   * piece of work. Throws `object_missing` when there is none.
   */
  localPath(key: string): Promise<string>
  /**
   * A scratch folder on this machine from which `putFile` is cheap. Exists when it resolves; files left in it
   * for a day may be removed, so ask again for every piece of work.
   */
  scratchDirectory(): Promise<string>
  /** Every object whose key starts with `prefix`, in order of the keys' UTF-16 code units. */
  list(prefix: string): AsyncIterable<ObjectEntry>
  /** Deletes if there; deleting what is not there is no error. */
  delete(key: string): Promise<void>
}
