import { type FileHandle, mkdir, open, readdir } from 'node:fs/promises'
import path from 'node:path'
import { unlessMissing } from '../log-errors.js'

/** A file of a lane, named by the offset of its first record. */
export interface SegmentFile {
  readonly base: bigint
  readonly path: string
}

/** Segments of a lane in offset order; none when the lane has never been written to. */
export async function listSegments(folder: string): Promise<readonly SegmentFile[]> {
  const names = (await unlessMissing(readdir(folder))) ?? []
  return names
    .filter((name) => /^\d{20}\.segment$/.test(name))
    .sort()
    .map((name) => ({ base: BigInt(name.slice(0, 20)), path: path.join(folder, name) }))
}

/** Makes an empty segment that is there after a loss of power, and its lane's folder if need be. */
export async function createSegment(folder: string, base: bigint): Promise<SegmentFile> {
  if ((await mkdir(folder, { recursive: true })) !== undefined) await syncFolder(path.dirname(folder))
  const file = path.join(folder, `${base.toString().padStart(20, '0')}.segment`)
  await (await open(file, 'wx')).close()
  await syncFolder(folder)
  return { base, path: file }
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

/** Bytes from `byte` on, fewer than `length` only at the end of the file; in a buffer of their own. */
export async function readBytes(handle: FileHandle, byte: number, length: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, byte + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

export async function writeBytes(handle: FileHandle, byte: number, bytes: Uint8Array): Promise<void> {
  let written = 0
  while (written < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, byte + written)
    written += bytesWritten
  }
}
