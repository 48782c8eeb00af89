import { open } from 'node:fs/promises'
import path from 'node:path'
import type { HomeFolder } from './home-folder.js'

const KNOWN_FOLDERS_MAX = 10_000

/** Creates a file with these bytes and forces them to the disk. The name must be free. */
export async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx')
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Forces a finished file's bytes to the disk. */
export async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Forces the names in a folder to the disk. */
export async function syncFolder(folder: string): Promise<void> {
  // Windows can't open a folder; its journal keeps names in order by itself.
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Makes folders below a home, remembering those known to be there and on the disk. */
export class DurableFolders {
  readonly #home: HomeFolder
  readonly #known = new Set<string>()

  constructor(home: HomeFolder) {
    this.#home = home
  }

  async ensure(folder: string): Promise<void> {
    if (this.#known.has(folder)) return
    await this.#home.make(folder)
    // Another process may have made a parent a moment ago and not forced it out yet, so the chain is, up to what we did.
    const chain: string[] = []
    for (let at = folder; at !== this.#home.path && !this.#known.has(at); at = path.dirname(at)) chain.push(at)
    for (const made of chain) await syncFolder(path.dirname(made))
    if (this.#known.size >= KNOWN_FOLDERS_MAX) this.#known.clear()
    for (const made of chain) this.#known.add(made)
  }

  /** To be called when a folder turned out to be gone. */
  forget(): void {
    this.#known.clear()
  }
}
