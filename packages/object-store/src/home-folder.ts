import { type BigIntStats, statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import path from 'node:path'
import { OutageError } from '@assay/core'
import { errorCode, storeError } from './store-errors.js'

/**
 * What a path names, undefined when there is nothing. Asked at once: by way of a thread the same costs fifteen times the
 * CPU, and workers that wait ask many times a second.
 */
export function statNow(file: string): BigIntStats | undefined {
  return statSync(file, { bigint: true, throwIfNoEntry: false })
}

/**
 * A folder that is made once, when it is opened for the first time. When it goes away afterwards (renamed, not mounted
 * any more) that is an outage: nothing is made in its place, and what is missing in it is not taken for missing.
 */
export class HomeFolder {
  readonly path: string
  readonly #above: HomeFolder | undefined
  readonly #inside = new Map<string, HomeFolder>()
  #inode: bigint | undefined

  constructor(directory: string, above?: HomeFolder) {
    this.path = path.resolve(directory)
    this.#above = above
  }

  /** A folder in this one that is looked after in the same way; the same object for the same name. */
  inside(name: string): HomeFolder {
    const folder = this.#inside.get(name) ?? new HomeFolder(path.join(this.path, name), this)
    this.#inside.set(name, folder)
    return folder
  }

  /** Makes the folder if need be, but not to read, and only the first time; later it has to be there still. */
  async open(access: 'read' | 'write'): Promise<void> {
    if (this.#inode !== undefined) return this.assertThere()
    if (access === 'write') await (this.#above ? this.#above.make(this.path) : mkdir(this.path, { recursive: true }))
    this.#inode = this.#find()
  }

  /** Throws an OutageError `store_away` or `store_replaced` unless this is the folder that was opened. */
  async assertThere(): Promise<void> {
    const inode = this.#find()
    if (inode === this.#inode) return
    await this.#above?.assertThere()
    if (inode === undefined) {
      throw new OutageError('store_away', `the folder ${this.path} is not there any more`, {
        hint: 'put it back or mount it again; nothing is made in its place',
      })
    }
    throw new OutageError('store_replaced', `${this.path} is another folder than the one that was opened`, {
      hint: 'put the old one back or mount it again; to go on with what is there now, start again',
    })
  }

  /** Makes a folder below this one, with the folders above it; true when it was not there. */
  async make(folder: string): Promise<boolean> {
    await this.assertThere()
    return this.#make(folder)
  }

  async #make(folder: string): Promise<boolean> {
    if (statNow(folder)?.isDirectory()) return false
    try {
      await mkdir(folder)
      return true
    } catch (error) {
      const code = errorCode(error)
      if (code === 'EEXIST') return false
      if (code !== 'ENOENT') throw error
      const above = path.dirname(folder)
      if (above.length <= this.path.length) {
        // The home folder itself has gone since it was looked for, and is not made again.
        await this.assertThere()
        throw error
      }
      await this.#make(above)
      return this.#make(folder)
    }
  }

  #find(): bigint | undefined {
    try {
      return statNow(this.path)?.ino
    } catch (error) {
      throw storeError(error, 'looking for', this.path)
    }
  }
}
