import path from 'node:path'
import type { LogFiles } from './files/log-files.js'

/** A file of a lane, named by the offset of its first record. */
export interface SegmentFile {
  readonly base: bigint
  readonly path: string
}

/** Segments of a lane in offset order; none when the lane has never been written to. */
export async function listSegments(files: LogFiles, folder: string): Promise<readonly SegmentFile[]> {
  return (await files.names(folder))
    .filter((name) => /^\d{20}\.segment$/.test(name))
    .sort()
    .map((name) => ({ base: BigInt(name.slice(0, 20)), path: path.join(folder, name) }))
}

/** Makes an empty segment that is there after a loss of power, and its lane's folder if need be. */
export async function createSegment(files: LogFiles, folder: string, base: bigint): Promise<SegmentFile> {
  if (await files.makeFolder(folder)) await files.syncFolder(path.dirname(folder))
  const file = path.join(folder, `${base.toString().padStart(20, '0')}.segment`)
  await (await files.create(file)).close()
  await files.syncFolder(folder)
  return { base, path: file }
}
