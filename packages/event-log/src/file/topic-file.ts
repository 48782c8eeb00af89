import path from 'node:path'
import { crc32 } from 'node:zlib'
import { AssayError, type Random } from '@assay/core'
import { EndMarkFile, markedTopic } from './end-mark.js'
import { createWith, type LogFiles } from './files/log-files.js'

const FILE = 'topic.json'

interface TopicInfo {
  readonly topicId: string
  readonly partitions: number
}

export interface FoundTopic extends TopicInfo {
  /** Changes when the topic is made again. */
  readonly mark: string
  /** False when its description is damaged or missing, and only its lanes still tell what it is. */
  readonly isDescribed: boolean
}

/** The topic in a folder; undefined when there is none. */
export async function readTopic(files: LogFiles, folder: string): Promise<FoundTopic | undefined> {
  const mark = (await topicMark(files, folder)) ?? 'missing'
  const bytes = await files.readAll(path.join(folder, FILE))
  const described = bytes && parseTopic(new TextDecoder().decode(bytes))
  if (described?.isChecked) return { ...described.info, mark, isDescribed: true }
  // One of the first version has no checksum, so the lanes' word goes before it.
  const marked = await markedTopic(files, folder)
  if (described && (!marked || isSame(described.info, marked))) return { ...described.info, mark, isDescribed: true }
  if (marked) return { ...marked, mark: `${mark} ${marked.topicId}`, isDescribed: false }
  if (!bytes) return undefined
  throw new AssayError('log_corrupt', `${path.join(folder, FILE)} doesn't describe a topic`, {
    hint: 'restore it from a copy; a log of a later format needs a later version of Assay',
  })
}

/** The id of the topic in a folder, read more cheaply than by `readTopic`. */
export async function topicMark(files: LogFiles, folder: string): Promise<string | undefined> {
  const stats = await files.stat(path.join(folder, FILE))
  return stats && `${stats.inode} ${stats.modified_ns}`
}

/** Makes the topic, durably, unless there is one: of several creators one wins and the others agree. */
export async function createTopic(files: LogFiles, folder: string, partitions: number, random: Random): Promise<void> {
  await files.makeFolder(folder)
  const info: TopicInfo = { topicId: random.uuid(), partitions }
  const temporary = path.join(folder, `${FILE}.${process.pid}.${random.uuid()}`)
  await createWith(files, temporary, encodeTopic(info))
  let isOurs = false
  try {
    isOurs = (await files.link(temporary, path.join(folder, FILE))) === 'linked'
  } finally {
    await files.remove(temporary)
  }
  await files.syncFolder(folder)
  await files.syncFolder(path.dirname(folder))
  if (!isOurs) return
  for (let partition = 0; partition < partitions; partition += 1) {
    const mark = new EndMarkFile(files, folder, { ...info, partition })
    await mark.make({ segment: 0n, byte: 0, next: 0n, start: 0n })
  }
}

/** Describes a topic again; gives where the damaged description is kept, if there was one. */
export async function restoreTopic(
  files: LogFiles,
  folder: string,
  { topicId, partitions }: TopicInfo,
  random: Random,
): Promise<string | undefined> {
  const file = path.join(folder, FILE)
  const temporary = `${file}.${process.pid}.${random.uuid()}`
  await createWith(files, temporary, encodeTopic({ topicId, partitions }))
  const kept = (await files.stat(file)) && `${file}.${random.uuid()}.damaged`
  if (kept !== undefined) await files.link(file, kept)
  await files.rename(temporary, file)
  await files.syncFolder(folder)
  return kept
}

function encodeTopic(info: TopicInfo): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ format: 1, ...info, crc: checksum(info) }))
}

function checksum({ topicId, partitions }: TopicInfo): number {
  return crc32(`${topicId} ${partitions}`)
}

/** `isChecked`: with a checksum, which holds. Undefined for text that describes no topic, or not the one it did. */
function parseTopic(text: string): { readonly info: TopicInfo; readonly isChecked: boolean } | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('format' in value) || value.format !== 1) return undefined
    const { topicId, partitions, crc } = value as Partial<Record<keyof TopicInfo | 'crc', unknown>>
    if (typeof topicId !== 'string' || typeof partitions !== 'number' || !Number.isInteger(partitions)) return undefined
    const info = { topicId, partitions }
    if (crc === undefined) return { info, isChecked: false }
    return crc === checksum(info) ? { info, isChecked: true } : undefined
  } catch {
    return undefined
  }
}

function isSame(a: TopicInfo, b: TopicInfo): boolean {
  return a.topicId === b.topicId && a.partitions === b.partitions
}
