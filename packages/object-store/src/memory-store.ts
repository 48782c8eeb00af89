import { mkdtempSync, rmSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Clock, systemClock } from '@assay/core'
import { checkKey, checkPrefix, compareKeys } from './keys.js'
import type { ObjectEntry, ObjectStore } from './store.js'
import { objectExists, objectMissing, storeError } from './store-errors.js'

interface MemoryStoreOptions {
  /** Clock that `modified_ms` comes from. */
  readonly clock?: Clock
}

interface StoredObject {
  readonly bytes: Uint8Array
  readonly modified_ms: number
  /** Where `localPath` has put a copy. */
  copy?: Promise<string>
}

/** Objects in memory, for tests and simulations. Copies are kept and given out, so nobody shares a buffer. */
export class MemoryStore implements ObjectStore {
  readonly #objects = new Map<string, StoredObject>()
  readonly #clock: Clock
  #folder: string | undefined
  #copies = 0

  constructor({ clock = systemClock }: MemoryStoreOptions = {}) {
    this.#clock = clock
  }

  location(key: string): string {
    checkKey(key)
    return `memory:///${key}`
  }

  async isLocationOf(location: string, key: string): Promise<boolean> {
    return location === this.location(key)
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    checkKey(key)
    return this.#objects.get(key)?.bytes.slice()
  }

  async size_bytes(key: string): Promise<number | undefined> {
    checkKey(key)
    return this.#objects.get(key)?.bytes.length
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    checkKey(key)
    this.#objects.set(key, { bytes: new Uint8Array(bytes), modified_ms: this.#clock.now_ms() })
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    checkKey(key)
    if (this.#objects.has(key)) return 'exists'
    await this.put(key, bytes)
    return 'created'
  }

  async create(key: string, bytes: Uint8Array): Promise<void> {
    if ((await this.putIfAbsent(key, bytes)) === 'exists') throw objectExists(key)
  }

  async putFile(key: string, localPath: string): Promise<void> {
    checkKey(key)
    try {
      await this.create(key, await readFile(localPath))
      await rm(localPath)
    } catch (error) {
      throw storeError(error, 'moving in', key)
    }
  }

  async localPath(key: string): Promise<string> {
    checkKey(key)
    const object = this.#objects.get(key)
    if (!object) {
      throw objectMissing(key)
    }
    object.copy ??= this.#writeCopy(key, object.bytes)
    return object.copy
  }

  async scratchDirectory(): Promise<string> {
    this.#folder ??= mkdtempSync(path.join(temporaryRoot(), 'store-'))
    return this.#folder
  }

  async *list(prefix: string): AsyncGenerator<ObjectEntry> {
    checkPrefix(prefix)
    for (const key of [...this.#objects.keys()].filter((k) => k.startsWith(prefix)).sort(compareKeys)) {
      const object = this.#objects.get(key)
      if (object) yield { key, size_bytes: object.bytes.length, modified_ms: object.modified_ms }
    }
  }

  async delete(key: string): Promise<void> {
    checkKey(key)
    const copy = this.#objects.get(key)?.copy
    this.#objects.delete(key)
    if (copy) await rm(await copy, { force: true })
  }

  async #writeCopy(key: string, bytes: Uint8Array): Promise<string> {
    this.#copies += 1
    const name = `copy-${this.#copies}`
    const folder = path.join(await this.scratchDirectory(), name)
    await mkdir(folder)
    const file = path.join(folder, path.basename(key))
    await writeFile(file, bytes)
    return file
  }
}

let root: string | undefined

/** One folder a process, removed when it ends. */
function temporaryRoot(): string {
  if (root === undefined) {
    const made = mkdtempSync(path.join(tmpdir(), 'assay-memory-store-'))
    process.once('exit', () => rmSync(made, { recursive: true, force: true }))
    root = made
  }
  return root
}
