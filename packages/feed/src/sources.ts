import type { ReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { UsageError } from '@assay/core'
import { fileKind, KIND_BYTES } from './file-kind.js'

/** A text to load, opened and known to be readable. */
export interface LineSource {
  /** The source as the user named it. */
  readonly name: string
  readonly chunks: AsyncIterable<Uint8Array>
  /** How large it is, as it lies on the disk, and how much of that has been read; undefined where nobody knows. */
  readonly extent?: { readonly size_bytes: number; readonly read_bytes: () => number }
  /** Closes what it was opened as, whether it has been read or not. */
  readonly close?: () => void
}

const READ_BYTES = 256 * 1024

/** The name that stands for standard input. */
export const STANDARD_INPUT = '-'

/**
 * Opens the files, so that none turns out to be missing, or something else, after others were loaded; what is packed
 * with gzip is unpacked. Throws a UsageError `file_unreadable` that lists every one that can't be read. Each is closed
 * when it has been read to its end; `closeSources` closes the others.
 */
export async function openSources(
  names: readonly string[],
  standardInput: AsyncIterable<Uint8Array>,
): Promise<LineSource[]> {
  const sources: LineSource[] = []
  const handles: FileHandle[] = []
  const mistakes: string[] = []
  for (const [i, name] of names.entries()) {
    if (name === STANDARD_INPUT) {
      if (names.indexOf(name) < i) mistakes.push('standard input (-) can be read once only')
      sources.push({ name: 'standard input', chunks: standardInput })
      continue
    }
    try {
      const handle = await openFile(name)
      handles.push(handle)
      const start = await handle.read(Buffer.alloc(KIND_BYTES), 0, KIND_BYTES, 0)
      const kind = fileKind(start.buffer.subarray(0, start.bytesRead))
      if (typeof kind === 'object') mistakes.push(`${name}: it is ${kind.name}; ${kind.instead}`)
      else sources.push(await sourceOf(handle, name, kind === 'gzip'))
    } catch (error) {
      mistakes.push(`${name}: ${reasonOf(error)}`)
    }
  }
  if (mistakes.length === 0) return sources
  await Promise.all(handles.map((handle) => handle.close()))
  throw new UsageError('file_unreadable', mistakes.map((mistake) => `- ${mistake}`).join('\n'), {
    hint: 'nothing was loaded; name files that can be read',
  })
}

/** Closes sources; to be called when no more of them is read. */
export function closeSources(sources: readonly LineSource[]): void {
  for (const { close } of sources) close?.()
}

async function sourceOf(handle: FileHandle, name: string, isPacked: boolean): Promise<LineSource> {
  const stats = await handle.stat()
  const bytes = handle.createReadStream({ start: 0, highWaterMark: READ_BYTES })
  return {
    name,
    chunks: isPacked ? unpacked(bytes, name) : bytes,
    // Of a pipe or a device the size says nothing.
    ...(stats.isFile() && { extent: { size_bytes: stats.size, read_bytes: () => bytes.bytesRead } }),
    close: () => bytes.destroy(),
  }
}

/** Throws a UsageError `file_unreadable` where the packed bytes end early or were damaged. */
async function* unpacked(packed: ReadStream, name: string): AsyncGenerator<Uint8Array, void, undefined> {
  const gunzip = createGunzip({ chunkSize: READ_BYTES })
  const piped = pipeline(packed, gunzip).catch((error: unknown) => error)
  try {
    yield* gunzip
  } catch (error) {
    await piped
    throw new UsageError('file_unreadable', `${name}: ${reasonOf(error)}`, {
      hint: 'its gzip is damaged or cut short; what came before that was loaded, and may be loaded again',
    })
  } finally {
    packed.destroy()
  }
}

async function openFile(name: string): Promise<FileHandle> {
  const handle = await open(name, 'r')
  if (!(await handle.stat()).isDirectory()) return handle
  await handle.close()
  throw Object.assign(new Error('a folder'), { code: 'EISDIR' })
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'no permission to read it',
  EISDIR: 'it is a folder, not a file',
  ENOTDIR: 'a part of its path is not a folder',
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return REASONS[code] ?? String(error instanceof Error ? error.message : error)
}
