import { constants, copyFile, link, readFile, rename, rm, stat, unlink } from 'node:fs/promises'
import path from 'node:path'
import { namesFile, type Random } from '@assay/core'
import { DurableFolders, syncFile, syncFolder, writeDurably } from './durable-files.js'
import { HomeFolder, statNow } from './home-folder.js'
import { checkKey, checkPrefix, SCRATCH_FOLDER } from './keys.js'
import { listFolder } from './local-list.js'
import { makeOwnFolder, removeLeftOvers } from './scratch.js'
import type { ObjectEntry, ObjectStore } from './store.js'
import { errorCode, objectExists, objectMissing, storeError } from './store-errors.js'

interface LocalStoreDependencies {
  readonly random: Random
  /** Given when the folder may have been opened before by this process: then it is not made anew. */
  readonly home?: HomeFolder
  /** `read`: no scratch folder is made. */
  readonly access?: 'read' | 'write'
}

/**
 * Opens a folder as an object store, making it if need be. The first write removes scratch files that are a day old.
 * Any number of processes may have the same folder open.
 */
export async function openLocalStore(
  rootDirectory: string,
  { random, home = new HomeFolder(rootDirectory), access = 'write' }: LocalStoreDependencies,
): Promise<LocalStore> {
  try {
    await home.open(access)
    if (access === 'write') await home.make(path.join(home.path, SCRATCH_FOLDER))
    return new LocalStore(home, random)
  } catch (error) {
    throw storeError(error, 'opening the store in', rootDirectory)
  }
}

/** Objects as files: a key is a path below the root. Made by `openLocalStore`. */
export class LocalStore implements ObjectStore {
  readonly #home: HomeFolder
  readonly #root: string
  readonly #random: Random
  readonly #folders: DurableFolders
  #scratch: Promise<string> | undefined
  /** The scratch folder once it is there. */
  #scratchFolder: string | undefined
  #temporaries = 0

  constructor(home: HomeFolder, random: Random) {
    this.#home = home
    this.#root = home.path
    this.#random = random
    this.#folders = new DurableFolders(home)
  }

  location(key: string): string {
    checkKey(key)
    return path.join(this.#root, key)
  }

  /** By the folder itself, so that links and mounts to it are the same place. */
  async isLocationOf(location: string, key: string): Promise<boolean> {
    const named = location.replace(/^file:(?:\/\/)?(?=\/)/, '').replace(/(?<=.)\/+$/, '')
    const file = this.location(key)
    if (named === file) return true
    if (!path.isAbsolute(named)) return false
    const [theirs, ours] = await Promise.all([identityOf(named), identityOf(file)])
    return theirs !== undefined && theirs === ours
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const file = this.location(key)
    return this.#unlessMissing('reading', key, async () => {
      if (!statNow(file)) return undefined
      const buffer = await readFile(file)
      return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    })
  }

  async size_bytes(key: string): Promise<number | undefined> {
    const file = this.location(key)
    return this.#unlessMissing('looking up', key, async () => {
      const stats = statNow(file)
      return stats?.isFile() ? Number(stats.size) : undefined
    })
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    await this.#place('writing', key, bytes, rename)
  }

  async putIfAbsent(key: string, bytes: Uint8Array): Promise<'created' | 'exists'> {
    // O_EXCL on the final name would show readers a file that is still being written.
    return this.#place('creating', key, bytes, async (temporary, file) => {
      try {
        await link(temporary, file)
        return 'created'
      } catch (error) {
        if (errorCode(error) !== 'EEXIST' || (await isFolder(file))) throw error
        return 'exists'
      } finally {
        await removeQuietly(temporary)
      }
    })
  }

  async create(key: string, bytes: Uint8Array): Promise<void> {
    if ((await this.putIfAbsent(key, bytes)) === 'exists') throw objectExists(key)
  }

  async putFile(key: string, localPath: string): Promise<void> {
    const file = this.location(key)
    try {
      await syncFile(localPath)
      await this.#inFolderOf(file, () => this.#moveIn(key, file, localPath))
      await rm(localPath, { force: true })
    } catch (error) {
      if (errorCode(error) === 'ENOENT') await this.#home.assertThere()
      throw storeError(error, 'moving in', key)
    }
  }

  async localPath(key: string): Promise<string> {
    if ((await this.size_bytes(key)) === undefined) {
      throw objectMissing(key)
    }
    return this.location(key)
  }

  async scratchDirectory(): Promise<string> {
    try {
      this.#scratch ??= this.#makeScratch()
      const folder = await this.#scratch
      await this.#home.make(folder)
      this.#scratchFolder = folder
      return folder
    } catch (error) {
      this.#scratch = undefined
      this.#scratchFolder = undefined
      throw storeError(error, 'making', SCRATCH_FOLDER)
    }
  }

  /** The scratch folder is made when it is needed: commands that only read would each leave one behind. */
  async #makeScratch(): Promise<string> {
    const scratch = path.join(this.#root, SCRATCH_FOLDER)
    await this.#home.make(scratch)
    const own = await makeOwnFolder(scratch, this.#random)
    await removeLeftOvers(scratch, (await stat(own)).mtimeMs)
    return own
  }

  async *list(prefix: string): AsyncGenerator<ObjectEntry> {
    checkPrefix(prefix)
    try {
      yield* listFolder(this.#root, prefix)
      // Folders that vanish meanwhile are left out, and the whole one may have.
      await this.#home.assertThere()
    } catch (error) {
      throw storeError(error, 'listing', prefix)
    }
  }

  async delete(key: string): Promise<void> {
    const file = this.location(key)
    await this.#unlessMissing('deleting', key, async () => {
      await rm(file)
      return true
    })
  }

  /** Writes a temporary file durably and lets `publish` give it its name, which is durable when this resolves. */
  async #place<T>(
    doing: string,
    key: string,
    bytes: Uint8Array,
    publish: (temporary: string, file: string) => Promise<T>,
  ): Promise<T> {
    const file = this.location(key)
    const temporary = await this.#temporaryFile()
    try {
      await this.#writeScratch(temporary, bytes)
      return await this.#inFolderOf(file, () => publish(temporary, file))
    } catch (error) {
      await removeQuietly(temporary)
      if (errorCode(error) === 'ENOENT') await this.#home.assertThere()
      throw storeError(error, doing, namesFile(error) ? key : file)
    }
  }

  /** Runs a step that names a file, in a folder that is there, and forces the name to the disk. */
  async #inFolderOf<T>(file: string, step: () => Promise<T>): Promise<T> {
    const folder = path.dirname(file)
    await this.#folders.ensure(folder)
    const result = await step().catch(async (error: unknown) => {
      if (errorCode(error) === 'ENOENT') this.#folders.forget()
      throw error
    })
    await syncFolder(folder)
    return result
  }

  /** A link and not a rename, since a rename would replace an object that has the key already. */
  async #moveIn(key: string, file: string, localPath: string): Promise<void> {
    try {
      await link(localPath, file)
    } catch (error) {
      const code = errorCode(error)
      if (code === 'EXDEV') return this.#copyIn(key, file, localPath)
      if (code !== 'EEXIST') throw error
      // The same file under both names: an earlier call of ours was cut off before it removed the first.
      const [there, ours] = await Promise.all([stat(file), stat(localPath)])
      if (there.ino !== ours.ino || there.dev !== ours.dev) throw objectExists(key)
    }
  }

  async #copyIn(key: string, file: string, localPath: string): Promise<void> {
    const temporary = await this.#temporaryFile()
    try {
      await copyFile(localPath, temporary, constants.COPYFILE_EXCL)
      await syncFile(temporary)
      await link(temporary, file)
    } catch (error) {
      throw errorCode(error) === 'EEXIST' ? objectExists(key) : error
    } finally {
      await removeQuietly(temporary)
    }
  }

  /** Writes a temporary file; its folder is looked for only where that fails. */
  async #writeScratch(temporary: string, bytes: Uint8Array): Promise<void> {
    try {
      await writeDurably(temporary, bytes)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
      await this.scratchDirectory()
      await writeDurably(temporary, bytes)
    }
  }

  /** A free name in the scratch folder, for as long as a write takes. */
  async #temporaryFile(): Promise<string> {
    const folder = this.#scratchFolder ?? (await this.scratchDirectory())
    this.#temporaries += 1
    return path.join(folder, `put-${this.#temporaries}`)
  }

  async #unlessMissing<T>(doing: string, key: string, read: () => Promise<T | undefined>): Promise<T | undefined> {
    try {
      const found = await read()
      if (found !== undefined) return found
    } catch (error) {
      const code = errorCode(error)
      // A folder of this name, or a file in the place of a folder: either way no such object.
      const isMissing = code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR' || code === 'ERR_FS_EISDIR'
      if (!isMissing) throw storeError(error, doing, key)
    }
    // Where the whole folder has gone, nothing can be said of what is in it.
    await this.#home.assertThere()
    return undefined
  }
}

async function isFolder(file: string): Promise<boolean> {
  const stats = await stat(file).catch(() => undefined)
  return stats?.isDirectory() ?? false
}

/** For temporary files only: one that stays is removed by another store's first write. */
async function removeQuietly(file: string): Promise<void> {
  await unlink(file).catch(() => undefined)
}

/** Device and inode; undefined where there is nothing. */
async function identityOf(file: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(file, { bigint: true })
    return `${dev}/${ino}`
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(errorCode(error) ?? '')) return undefined
    throw storeError(error, 'looking up', file)
  }
}
