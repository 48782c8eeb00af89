import { UsageError } from '@assay/core'
import type { ObjectEntry, ObjectStore } from './store.js'

/** A store for a process that only reads; its own unfinished files lie elsewhere. */
export class ReadOnlyStore implements ObjectStore {
  readonly #store: ObjectStore
  readonly #scratchDirectory: string | undefined

  /** `scratchDirectory` instead of the store's own, which may lie in what must not be written. */
  constructor(store: ObjectStore, scratchDirectory?: string) {
    this.#store = store
    this.#scratchDirectory = scratchDirectory
  }

  location(key: string): string {
    return this.#store.location(key)
  }

  isLocationOf(location: string, key: string): Promise<boolean> {
    return this.#store.isLocationOf(location, key)
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#store.get(key)
  }

  size_bytes(key: string): Promise<number | undefined> {
    return this.#store.size_bytes(key)
  }

  localPath(key: string): Promise<string> {
    return this.#store.localPath(key)
  }

  list(prefix: string): AsyncIterable<ObjectEntry> {
    return this.#store.list(prefix)
  }

  async scratchDirectory(): Promise<string> {
    return this.#scratchDirectory ?? this.#store.scratchDirectory()
  }

  async put(key: string): Promise<void> {
    throw readOnly('writing', key)
  }

  async putIfAbsent(key: string): Promise<'created' | 'exists'> {
    throw readOnly('creating', key)
  }

  async create(key: string): Promise<void> {
    throw readOnly('creating', key)
  }

  async putFile(key: string): Promise<void> {
    throw readOnly('moving in', key)
  }

  async delete(key: string): Promise<void> {
    throw readOnly('deleting', key)
  }
}

function readOnly(doing: string, key: string): UsageError {
  return new UsageError('lake_read_only', `${doing} ${key}: the lake was opened to read only`, {
    hint: 'this is a defect of a command that should only read: please report it',
  })
}
