import { type BigIntStats, readSync, statSync } from 'node:fs'
import { type FileHandle, link, mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { errorCode, unlessMissing } from '../../log-errors.js'
import type { FileStat, LogFile, LogFiles } from './log-files.js'

/** Files of this machine. */
export const diskFiles: LogFiles = {
  async open(path, access) {
    const handle = await unlessMissing(open(path, access === 'read' ? 'r' : 'r+'))
    return handle && new DiskFile(handle)
  },
  create: async (path) => new DiskFile(await open(path, 'wx')),
  readAll: (path) => unlessMissing(readFile(path)),
  async stat(path) {
    const stats = await unlessMissing(stat(path, { bigint: true }))
    return stats && statOf(stats)
  },
  statNow(path) {
    const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
    return stats && statOf(stats)
  },
  names: async (folder) => (await unlessMissing(readdir(folder))) ?? [],
  makeFolder: async (folder) => (await mkdir(folder, { recursive: true })) !== undefined,
  async syncFolder(folder) {
    // Windows can't open a folder; its journal keeps names in order by itself.
    if (process.platform === 'win32') return
    const handle = await open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
  async link(from, to) {
    try {
      await link(from, to)
      return 'linked'
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return 'taken'
      if (errorCode(error) === 'ENOENT') return 'no_source'
      throw error
    }
  },
  rename,
  // Half of what `rm` does: this is asked for with every write.
  remove: (path) => unlessMissing(unlink(path)),
}

class DiskFile implements LogFile {
  readonly #handle: FileHandle

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  async read(buffer: Uint8Array, offset: number, length: number, byte: number): Promise<number> {
    return (await this.#handle.read(buffer, offset, length, byte)).bytesRead
  }

  readNow(buffer: Uint8Array, byte: number): number {
    return readSync(this.#handle.fd, buffer, 0, buffer.length, byte)
  }

  async write(buffer: Uint8Array, offset: number, length: number, byte: number): Promise<number> {
    return (await this.#handle.write(buffer, offset, length, byte)).bytesWritten
  }

  truncate(size_bytes: number): Promise<void> {
    return this.#handle.truncate(size_bytes)
  }

  sync(): Promise<void> {
    return this.#handle.datasync()
  }

  async stat(): Promise<FileStat> {
    return statOf(await this.#handle.stat({ bigint: true }))
  }

  close(): Promise<void> {
    return this.#handle.close()
  }
}

function statOf({ size, ino, mtimeNs, birthtimeMs }: BigIntStats): FileStat {
  return { size_bytes: Number(size), inode: ino, modified_ns: mtimeNs, made_ms: Number(birthtimeMs) }
}
