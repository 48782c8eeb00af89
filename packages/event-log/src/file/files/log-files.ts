/** What the file log asks of a file's entry. */
export interface FileStat {
  readonly size_bytes: number
  /** Tells apart files that had the same name one after the other. */
  readonly inode: bigint
  readonly modified_ns: bigint
  /** Time of creation; 0 where it is not known. */
  readonly made_ms: number
}

/** An open file. */
export interface LogFile {
  /** Fills a part of the buffer from a byte of the file on; gives how many bytes it got, 0 at the end of the file. */
  read(buffer: Uint8Array, offset: number, length: number, byte: number): Promise<number>
  /** Fills the buffer at once, for a few bytes that are asked for with every call. */
  readNow(buffer: Uint8Array, byte: number): number
  /** Writes a part of the buffer at a byte of the file; gives how many bytes it took. */
  write(buffer: Uint8Array, offset: number, length: number, byte: number): Promise<number>
  truncate(size_bytes: number): Promise<void>
  /** Forces contents and size to the disk. */
  sync(): Promise<void>
  stat(): Promise<FileStat>
  close(): Promise<void>
}

/** The file system as the file log needs it. Failures are errors with a `code` as those of Node. */
export interface LogFiles {
  /** Undefined when there is no such file. */
  open(path: string, access: 'read' | 'write'): Promise<LogFile | undefined>
  /** Makes a file and opens it for writing; fails with `EEXIST` when the name is taken. */
  create(path: string): Promise<LogFile>
  /** The whole file; undefined when there is none. */
  readAll(path: string): Promise<Uint8Array | undefined>
  stat(path: string): Promise<FileStat | undefined>
  /** The same at once, for what is asked many times a second. */
  statNow(path: string): FileStat | undefined
  /** Names in a folder; none when there is no such folder. */
  names(folder: string): Promise<readonly string[]>
  /** Makes a folder and its parents; true when it was not there. */
  makeFolder(folder: string): Promise<boolean>
  /** Forces the names in a folder to the disk. */
  syncFolder(folder: string): Promise<void>
  /** Gives a file a second name, which succeeds for one caller at a time. */
  link(from: string, to: string): Promise<'linked' | 'taken' | 'no_source'>
  rename(from: string, to: string): Promise<void>
  /** Removes a file if it is there. */
  remove(path: string): Promise<void>
}

/** Bytes from `byte` on, fewer than `length` only at the end of the file; in a buffer of their own. */
export async function readBytes(file: LogFile, byte: number, length: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(Math.max(0, length))
  let filled = 0
  while (filled < length) {
    const read = await file.read(buffer, filled, length - filled, byte + filled)
    if (read === 0) break
    filled += read
  }
  return buffer.subarray(0, filled)
}

export async function writeBytes(file: LogFile, byte: number, bytes: Uint8Array): Promise<void> {
  let written = 0
  while (written < bytes.length) {
    written += await file.write(bytes, written, bytes.length - written, byte + written)
  }
}

/**
 * Makes a file of these bytes that is there after a loss of power, once its folder has been forced out. Where that
 * fails no file is left: tries come again and again while a disk is full.
 */
export async function createWith(files: LogFiles, path: string, bytes: Uint8Array): Promise<void> {
  const file = await files.create(path)
  try {
    await writeBytes(file, 0, bytes)
    await file.sync()
  } catch (error) {
    await files.remove(path).catch(() => undefined)
    throw error
  } finally {
    await file.close()
  }
}
