import type { FileStat, LogFile, LogFiles, MemoryFiles } from '@assay/event-log'

/** The disk as one producer's process sees it, which may be killed between any two calls, or within a write. */
export class ProducerFiles implements LogFiles {
  readonly died: Promise<undefined>
  readonly #files: MemoryFiles
  #calls = Number.POSITIVE_INFINITY
  #share = 0
  #isDead = false
  #die: () => void = () => undefined

  constructor(files: MemoryFiles) {
    this.#files = files
    this.died = new Promise((resolve) => {
      this.#die = () => resolve(undefined)
    })
  }

  /** It dies at its so-manieth call; of a write it is then, a share has been written. */
  dieAfter(calls: number, share: number): void {
    this.#calls = calls
    this.#share = share
  }

  /** Runs a call, unless the process dies before it. `dying` is what it still does then. */
  async call<T>(run: () => Promise<T>, dying?: (share: number) => Promise<unknown>): Promise<T> {
    if (!this.#isDead && this.#calls-- > 0) return run()
    if (!this.#isDead) {
      this.#isDead = true
      await dying?.(this.#share)
      this.#die()
    }
    return new Promise(() => undefined)
  }

  async open(path: string, access: 'read' | 'write'): Promise<LogFile | undefined> {
    const file = await this.call(() => this.#files.open(path, access))
    return file && new ProducerFile(this, file)
  }

  async create(path: string): Promise<LogFile> {
    return new ProducerFile(this, await this.call(() => this.#files.create(path)))
  }

  readAll(path: string): Promise<Uint8Array | undefined> {
    return this.call(() => this.#files.readAll(path))
  }

  stat(path: string): Promise<FileStat | undefined> {
    return this.call(() => this.#files.stat(path))
  }

  statNow(path: string): FileStat | undefined {
    return this.#files.statNow(path)
  }

  names(folder: string): Promise<readonly string[]> {
    return this.call(() => this.#files.names(folder))
  }

  makeFolder(folder: string): Promise<boolean> {
    return this.call(() => this.#files.makeFolder(folder))
  }

  syncFolder(): Promise<void> {
    return this.call(() => this.#files.syncFolder())
  }

  link(from: string, to: string): Promise<'linked' | 'taken' | 'no_source'> {
    return this.call(() => this.#files.link(from, to))
  }

  rename(from: string, to: string): Promise<void> {
    return this.call(() => this.#files.rename(from, to))
  }

  remove(path: string): Promise<void> {
    return this.call(() => this.#files.remove(path))
  }
}

class ProducerFile implements LogFile {
  readonly #process: ProducerFiles
  readonly #file: LogFile

  constructor(process: ProducerFiles, file: LogFile) {
    this.#process = process
    this.#file = file
  }

  read(buffer: Uint8Array, offset: number, length: number, byte: number): Promise<number> {
    return this.#process.call(() => this.#file.read(buffer, offset, length, byte))
  }

  readNow(buffer: Uint8Array, byte: number): number {
    return this.#file.readNow(buffer, byte)
  }

  write(buffer: Uint8Array, offset: number, length: number, byte: number): Promise<number> {
    return this.#process.call(
      () => this.#file.write(buffer, offset, length, byte),
      (share) => this.#file.write(buffer, offset, Math.floor(length * share), byte),
    )
  }

  truncate(size_bytes: number): Promise<void> {
    return this.#process.call(() => this.#file.truncate(size_bytes))
  }

  sync(): Promise<void> {
    return this.#process.call(() => this.#file.sync())
  }

  stat(): Promise<FileStat> {
    return this.#process.call(() => this.#file.stat())
  }

  close(): Promise<void> {
    return this.#process.call(() => this.#file.close())
  }
}
