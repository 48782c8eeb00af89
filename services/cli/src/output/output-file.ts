import { createReadStream } from 'node:fs'
import { type FileHandle, mkdtemp, open, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { OutageError, type Random, UsageError } from '@assay/core'
import { type Io, write } from '../run/io.js'

/** Where a result goes. Until `commit` a file does not show under its name; after `discard` nothing is left of it. */
export interface ResultOutput {
  write(bytes: Uint8Array | string): Promise<void>
  /** A file for another process to write the whole result to, in place of `write`. */
  filePath(): Promise<string>
  commit(): Promise<void>
  discard(): Promise<void>
}

/** Opens the output before anything is asked. Throws `output_unwritable`. */
export async function openOutput(path: string | undefined, io: Io, random: Random): Promise<ResultOutput> {
  // As bytes, since texts on standard output are words for people, from which secrets are taken.
  if (path === undefined)
    return new StreamOutput((data) => write(io.stdout, typeof data === 'string' ? Buffer.from(data) : data))
  const existing = await stat(path).catch(() => undefined)
  if (existing?.isDirectory()) throw unwritable(path, 'it is a folder')
  // A device or a pipe is written to as it is: it can't be put in another's place.
  if (existing && !existing.isFile()) return openDevice(path)
  const partial = `${path}.partial-${random.uuid()}`
  return new FileOutput(path, partial, await openForWriting(partial, path))
}

class FileOutput implements ResultOutput {
  readonly #path: string
  readonly #partial: string
  readonly #handle: FileHandle
  #isOpen = true

  constructor(path: string, partial: string, handle: FileHandle) {
    this.#path = path
    this.#partial = partial
    this.#handle = handle
  }

  write(bytes: Uint8Array | string): Promise<void> {
    return writeAll(this.#handle, bytes, this.#path)
  }

  async filePath(): Promise<string> {
    return this.#partial
  }

  async commit(): Promise<void> {
    await this.#close()
    await rename(this.#partial, this.#path)
  }

  async discard(): Promise<void> {
    await this.#close().catch(() => undefined)
    await rm(this.#partial, { force: true })
  }

  async #close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    await this.#handle.close()
  }
}

/** Standard output, or a device: what is written is out. */
class StreamOutput implements ResultOutput {
  readonly #write: (bytes: Uint8Array | string) => Promise<void>
  readonly #close: () => Promise<void>
  #folder: string | undefined

  constructor(
    writeBytes: (bytes: Uint8Array | string) => Promise<void>,
    close: () => Promise<void> = async () => undefined,
  ) {
    this.#write = writeBytes
    this.#close = close
  }

  write(bytes: Uint8Array | string): Promise<void> {
    return this.#write(bytes)
  }

  async filePath(): Promise<string> {
    this.#folder ??= await mkdtemp(join(tmpdir(), 'assay-sql-'))
    return join(this.#folder, 'result')
  }

  async commit(): Promise<void> {
    if (this.#folder !== undefined) {
      for await (const piece of createReadStream(await this.filePath())) await this.#write(piece as Uint8Array)
    }
    await this.discard()
  }

  async discard(): Promise<void> {
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true })
    await this.#close()
  }
}

async function openDevice(path: string): Promise<ResultOutput> {
  const handle = await openForWriting(path, path)
  let isOpen = true
  return new StreamOutput(
    (bytes) => writeAll(handle, bytes, path),
    async () => {
      if (isOpen) await handle.close()
      isOpen = false
    },
  )
}

async function openForWriting(file: string, path: string): Promise<FileHandle> {
  try {
    return await open(file, 'w')
  } catch (error) {
    throw unwritable(path, reasonOf(error), error)
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array | string, path: string): Promise<void> {
  const data = typeof bytes === 'string' ? Buffer.from(bytes) : bytes
  try {
    for (let at = 0; at < data.length; ) at += (await handle.write(data, at)).bytesWritten
  } catch (cause) {
    throw new OutageError('output_failed', `${path} could not be written to its end: ${reasonOf(cause)}`, {
      cause,
      hint: 'make room there, or name another file with --output',
    })
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'its folder is not there',
  ENOTDIR: 'what it names as its folder is a file',
  EACCES: 'you may not write there',
  EPERM: 'you may not write there',
  EROFS: 'that disk can only be read',
  ENOSPC: 'the disk is full',
  ENAMETOOLONG: 'its name is too long',
}

function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  return REASONS[code ?? ''] ?? (error instanceof Error ? error.message : String(error))
}

function unwritable(path: string, why: string, cause?: unknown): UsageError {
  return new UsageError('output_unwritable', `${path} can't be written: ${why}`, {
    ...(cause !== undefined && { cause }),
    hint: 'name a file in a folder that is there and that you may write to, with --output',
  })
}
