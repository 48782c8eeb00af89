import { createHash } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import path from 'node:path'
import type { Clock, Random } from '@assay/core'
import { syncFile } from '../durable-files.js'
import { makeOwnFolder, removeLeftOvers } from '../scratch.js'
import { errorCode } from '../store-errors.js'

/** A copy stays at least this long after it was last handed out, whatever the cache's limit. */
const HELD_MS = 5 * 60 * 1000
/** An eviction goes below the limit by this share, so that not every new file calls for the next. */
const SLACK_SHARE = 1 / 20

interface FileCacheOptions {
  readonly directory: string
  readonly bytes_max: number
  /** What tells this store's keys from those of others that share the folder. */
  readonly scope: string
  readonly clock: Clock
  readonly random: Random
}

interface Copy {
  readonly file: string
  readonly size_bytes: number
  readonly used_ms: number
  readonly handedOut_ms: number
}

/**
 * Copies of immutable objects on the local disk, shared by any number of processes: `<directory>/files` holds whole
 * copies only, `<directory>/.scratch` what is unfinished. Nothing but the files themselves says what is there: a copy's
 * modification time is when it was last used, its access time when it was last handed out to be read.
 */
export class FileCache {
  readonly #files: string
  readonly #scratch: string
  readonly #scope: string
  readonly #bytes_max: number
  readonly #clock: Clock
  readonly #fetching = new Map<string, Promise<string>>()
  #untilSweep_bytes = 0
  #sweep: Promise<void> | undefined
  #temporaries = 0

  private constructor({ directory, bytes_max, scope, clock }: FileCacheOptions, scratch: string) {
    this.#files = path.join(path.resolve(directory), 'files')
    this.#scratch = scratch
    this.#scope = scope
    this.#bytes_max = bytes_max
    this.#clock = clock
  }

  /** Makes the folder if need be, and removes what crashed processes left unfinished a day ago. */
  static async open(options: FileCacheOptions): Promise<FileCache> {
    const scratch = path.join(path.resolve(options.directory), '.scratch')
    await mkdir(scratch, { recursive: true })
    const own = await makeOwnFolder(scratch, options.random)
    await removeLeftOvers(scratch, (await stat(own)).mtimeMs)
    const cache = new FileCache(options, own)
    await cache.#evict()
    return cache
  }

  async scratchDirectory(): Promise<string> {
    await mkdir(this.#scratch, { recursive: true })
    return this.#scratch
  }

  /** The copy of an object, made by `fetch` if there is none. Callers that ask at once share one fetch. */
  async path(key: string, fetch: (file: string) => Promise<void>): Promise<string> {
    const underway = this.#fetching.get(key)
    if (underway) return underway
    const fetching = this.#findOrFetch(key, fetch)
    this.#fetching.set(key, fetching)
    try {
      return await fetching
    } finally {
      this.#fetching.delete(key)
    }
  }

  /** Takes a local file as the copy of an object. The file is gone when this resolves. */
  async adopt(key: string, file: string): Promise<void> {
    try {
      await this.#place(key, file, 0)
    } catch (error) {
      // On another file system: a copy is only a convenience.
      if (errorCode(error) !== 'EXDEV') throw error
      await rm(file, { force: true })
    }
  }

  async drop(key: string): Promise<void> {
    await rm(this.#file(key), { force: true })
  }

  async #findOrFetch(key: string, fetch: (file: string) => Promise<void>): Promise<string> {
    const file = this.#file(key)
    if (await this.#markHandedOut(file)) return file
    // Named before anything is awaited: fetches that begin at once must not share a file.
    this.#temporaries += 1
    const name = `fetch-${this.#temporaries}`
    const temporary = path.join(await this.scratchDirectory(), name)
    try {
      await fetch(temporary)
      await this.#place(key, temporary, this.#clock.now_ms())
    } finally {
      await rm(temporary, { force: true })
    }
    return file
  }

  async #markHandedOut(file: string): Promise<boolean> {
    const now_s = this.#clock.now_ms() / 1000
    try {
      await utimes(file, now_s, now_s)
      return true
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false
      throw error
    }
  }

  async #place(key: string, temporary: string, handedOut_ms: number): Promise<void> {
    const file = this.#file(key)
    // Forced out first: after a power cut a name in the cache must still mean a whole copy.
    await syncFile(temporary)
    const { size } = await stat(temporary)
    await utimes(temporary, handedOut_ms / 1000, this.#clock.now_ms() / 1000)
    await mkdir(path.dirname(file), { recursive: true })
    await rename(temporary, file)
    this.#untilSweep_bytes -= size
    if (this.#untilSweep_bytes < 0) await this.#evict()
  }

  /** Removes the copies longest unused until the rest fits. One at a time in this process; others may do the same. */
  async #evict(): Promise<void> {
    this.#sweep ??= this.#removeOldest().finally(() => {
      this.#sweep = undefined
    })
    await this.#sweep
  }

  async #removeOldest(): Promise<void> {
    const copies = await this.#copies()
    let held_bytes = copies.reduce((sum, { size_bytes }) => sum + size_bytes, 0)
    const slack_bytes = Math.ceil(this.#bytes_max * SLACK_SHARE)
    if (held_bytes > this.#bytes_max) {
      for (const copy of copies.sort((a, b) => a.used_ms - b.used_ms)) {
        if (held_bytes <= this.#bytes_max - slack_bytes) break
        if (await this.#remove(copy)) held_bytes -= copy.size_bytes
      }
    }
    this.#untilSweep_bytes = Math.max(this.#bytes_max - held_bytes, slack_bytes)
  }

  /** Unless it was handed out a moment ago; looked up again, since that may have been just now. */
  async #remove({ file }: Copy): Promise<boolean> {
    const copy = await copyAt(file)
    if (!copy) return true
    if (copy.handedOut_ms > this.#clock.now_ms() - HELD_MS) return false
    await rm(file, { force: true })
    return true
  }

  async #copies(): Promise<Copy[]> {
    const found: Copy[] = []
    for (const folder of await names(this.#files)) {
      for (const name of await names(path.join(this.#files, folder))) {
        const copy = await copyAt(path.join(this.#files, folder, name))
        if (copy) found.push(copy)
      }
    }
    return found
  }

  #file(key: string): string {
    const hash = createHash('sha256').update(`${this.#scope}\0${key}`).digest('hex')
    return path.join(this.#files, hash.slice(0, 2), `${hash}${path.extname(key).slice(0, 16)}`)
  }
}

async function copyAt(file: string): Promise<Copy | undefined> {
  const stats = await stat(file).catch(() => undefined)
  if (!stats) return undefined
  return { file, size_bytes: stats.size, used_ms: stats.mtimeMs, handedOut_ms: stats.atimeMs }
}

async function names(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return []
    throw error
  })
}
