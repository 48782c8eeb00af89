import path from 'node:path'
import type { FileStat, LogFile, LogFiles } from './log-files.js'

/** A write that is about to happen. */
interface FileWrite {
  readonly path: string
  readonly byte: number
  readonly bytes: Uint8Array
}

/**
 * What a disk makes of a write. `lost`: it says that it wrote, and has zeros there; `dropped`: the file isn't even
 * longer; `short`: half of it, then the disk is full; or it lands in another place.
 */
type WriteFate = 'done' | 'lost' | 'dropped' | 'short' | { readonly path: string; readonly byte: number }

interface MemoryFile {
  readonly inode: bigint
  bytes: Uint8Array
  /** As of the last time that it was forced out; undefined before. */
  durable: Uint8Array | undefined
  modified_ns: bigint
}

/** Files in memory, for tests and simulations, with the mishaps that disks have over the years. */
export class MemoryFiles implements LogFiles {
  readonly #files = new Map<string, MemoryFile>()
  /** Folders, with the time of their last change. */
  readonly #folders = new Map<string, bigint>()
  #ticks = 0n
  /** Decides what becomes of a write. */
  onWrite: ((write: FileWrite) => WriteFate) | undefined

  async open(file: string, access: 'read' | 'write'): Promise<LogFile | undefined> {
    const found = this.#files.get(file)
    return found && new OpenFile(this, file, found, access)
  }

  async create(file: string): Promise<LogFile> {
    if (this.#files.has(file)) throw failure('EEXIST', file)
    return new OpenFile(this, file, this.#put(file, new Uint8Array()), 'write')
  }

  async readAll(file: string): Promise<Uint8Array | undefined> {
    return this.#files.get(file)?.bytes.slice()
  }

  async stat(file: string): Promise<FileStat | undefined> {
    return this.statNow(file)
  }

  statNow(file: string): FileStat | undefined {
    const found = this.#files.get(file)
    if (found) return statOf(found)
    const modified_ns = this.#folders.get(file)
    return modified_ns === undefined ? undefined : { size_bytes: 0, inode: 0n, modified_ns, made_ms: 0 }
  }

  async names(folder: string): Promise<readonly string[]> {
    const inside = [...this.#files.keys(), ...this.#folders.keys()].filter((name) => path.dirname(name) === folder)
    return inside.map((name) => path.basename(name)).sort()
  }

  async makeFolder(folder: string): Promise<boolean> {
    if (this.#folders.has(folder)) return false
    for (let one = folder; !this.#folders.has(one); one = path.dirname(one)) {
      this.#touch(one)
      if (path.dirname(one) === one) break
    }
    return true
  }

  async syncFolder(): Promise<void> {}

  async link(from: string, to: string): Promise<'linked' | 'taken' | 'no_source'> {
    const found = this.#files.get(from)
    if (!found) return 'no_source'
    if (this.#files.has(to)) return 'taken'
    this.#files.set(to, found)
    this.#touch(path.dirname(to))
    return 'linked'
  }

  async rename(from: string, to: string): Promise<void> {
    const found = this.#files.get(from)
    if (!found) throw failure('ENOENT', from)
    this.#files.delete(from)
    this.#files.set(to, found)
    this.#touch(path.dirname(to))
  }

  async remove(file: string): Promise<void> {
    if (this.#files.delete(file)) this.#touch(path.dirname(file))
  }

  /** Everything below a folder, as paths. */
  below(folder: string): readonly string[] {
    return [...this.#files.keys()].filter((name) => name.startsWith(`${folder}/`)).sort()
  }

  /** A file and all below it, as `rm -r` takes them. */
  removeAll(folder: string): void {
    for (const map of [this.#files, this.#folders])
      for (const name of [...map.keys()]) if (name === folder || name.startsWith(`${folder}/`)) map.delete(name)
    this.#touch(path.dirname(folder))
  }

  bytesOf(file: string): Uint8Array {
    return this.#file(file).bytes.slice()
  }

  /** Replaces a file's content, also for those who have the file open. */
  setBytes(file: string, bytes: Uint8Array): void {
    const found = this.#files.get(file)
    if (!found) this.#put(file, bytes.slice())
    else {
      found.bytes = bytes.slice()
      found.durable = found.bytes.slice()
      found.modified_ns = ++this.#ticks
    }
  }

  flipBit(file: string, bit: number): void {
    const bytes = this.bytesOf(file)
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    this.setBytes(file, bytes)
  }

  /** A copy of all that there is, on a disk of its own. */
  copy(): MemoryFiles {
    const copy = new MemoryFiles()
    for (const [name, { bytes }] of this.#files) copy.setBytes(name, bytes)
    for (const folder of this.#folders.keys()) copy.#touch(folder)
    return copy
  }

  /** The machine goes off: what was not forced out is gone. */
  losePower(): void {
    for (const file of this.#files.values()) file.bytes = file.durable?.slice() ?? new Uint8Array()
  }

  /** See `LogFile.write`. */
  write(file: string, target: MemoryFile, byte: number, bytes: Uint8Array): number {
    const fate = this.onWrite?.({ path: file, byte, bytes }) ?? 'done'
    if (fate === 'dropped') return bytes.length
    if (fate === 'short') {
      this.#putBytes(target, byte, bytes.subarray(0, bytes.length >> 1))
      throw failure('ENOSPC', file)
    }
    if (fate === 'lost') this.#putBytes(target, byte, new Uint8Array(bytes.length))
    else if (fate === 'done') this.#putBytes(target, byte, bytes)
    else this.#putBytes(this.#file(fate.path), fate.byte, bytes)
    return bytes.length
  }

  #putBytes(target: MemoryFile, byte: number, bytes: Uint8Array): void {
    const grown = new Uint8Array(Math.max(target.bytes.length, byte + bytes.length))
    grown.set(target.bytes)
    grown.set(bytes, byte)
    target.bytes = grown
    target.modified_ns = ++this.#ticks
  }

  #put(file: string, bytes: Uint8Array): MemoryFile {
    const made: MemoryFile = { inode: ++this.#ticks, bytes, durable: undefined, modified_ns: ++this.#ticks }
    this.#files.set(file, made)
    this.#touch(path.dirname(file))
    return made
  }

  #touch(folder: string): void {
    this.#folders.set(folder, ++this.#ticks)
  }

  #file(file: string): MemoryFile {
    const found = this.#files.get(file)
    if (!found) throw failure('ENOENT', file)
    return found
  }
}

class OpenFile implements LogFile {
  readonly #files: MemoryFiles
  readonly #path: string
  readonly #file: MemoryFile
  readonly #access: 'read' | 'write'

  constructor(files: MemoryFiles, path: string, file: MemoryFile, access: 'read' | 'write') {
    this.#files = files
    this.#path = path
    this.#file = file
    this.#access = access
  }

  #checkWritable(): void {
    if (this.#access === 'read') throw failure('EBADF', this.#path)
  }

  async read(buffer: Uint8Array, offset: number, length: number, byte: number): Promise<number> {
    const found = this.#file.bytes.subarray(byte, byte + length)
    buffer.set(found, offset)
    return found.length
  }

  readNow(buffer: Uint8Array, byte: number): number {
    const found = this.#file.bytes.subarray(byte, byte + buffer.length)
    buffer.set(found)
    return found.length
  }

  async write(buffer: Uint8Array, offset: number, length: number, byte: number): Promise<number> {
    this.#checkWritable()
    return this.#files.write(this.#path, this.#file, byte, buffer.subarray(offset, offset + length))
  }

  async truncate(size_bytes: number): Promise<void> {
    this.#checkWritable()
    const bytes = new Uint8Array(size_bytes)
    bytes.set(this.#file.bytes.subarray(0, size_bytes))
    this.#file.bytes = bytes
  }

  async sync(): Promise<void> {
    this.#file.durable = this.#file.bytes.slice()
  }

  async stat(): Promise<FileStat> {
    return statOf(this.#file)
  }

  async close(): Promise<void> {}
}

function statOf({ bytes, inode, modified_ns }: MemoryFile): FileStat {
  return { size_bytes: bytes.length, inode, modified_ns, made_ms: 0 }
}

function failure(code: string, file: string): Error {
  return Object.assign(new Error(`${code}: ${file}`), { code })
}
