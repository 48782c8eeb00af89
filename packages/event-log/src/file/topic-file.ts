import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { AssayError, type Random } from '@assay/core'
import { errorCode, unlessMissing } from '../log-errors.js'
import { syncFolder } from './segment-files.js'

const FILE = 'topic.json'

export interface TopicInfo {
  readonly topicId: string
  readonly partitions: number
}

/** The topic in a folder, with a mark that changes when the topic is made again; undefined when there is none. */
export async function readTopic(folder: string): Promise<(TopicInfo & { readonly mark: string }) | undefined> {
  const mark = await topicMark(folder)
  const text = await unlessMissing(readFile(path.join(folder, FILE), 'utf8'))
  return text === undefined || mark === undefined ? undefined : { ...parseTopic(text, folder), mark }
}

/** See `readTopic`; cheaper. */
export async function topicMark(folder: string): Promise<string | undefined> {
  const stats = await unlessMissing(stat(path.join(folder, FILE), { bigint: true }))
  return stats && `${stats.ino} ${stats.mtimeNs}`
}

/** Makes the topic, durably, unless there is one: of several creators one wins and the others agree. */
export async function createTopic(folder: string, partitions: number, random: Random): Promise<void> {
  await mkdir(folder, { recursive: true })
  const info: TopicInfo = { topicId: random.uuid(), partitions }
  const temporary = path.join(folder, `${FILE}.${process.pid}.${random.uuid()}`)
  const handle = await open(temporary, 'w')
  try {
    await handle.writeFile(JSON.stringify({ format: 1, ...info }))
    await handle.sync()
  } finally {
    await handle.close()
  }
  try {
    await link(temporary, path.join(folder, FILE))
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error
  } finally {
    await rm(temporary, { force: true })
  }
  await syncFolder(folder)
  await syncFolder(path.dirname(folder))
}

function parseTopic(text: string, folder: string): TopicInfo {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && 'format' in value && value.format === 1) {
      const { topicId, partitions } = value as Partial<Record<keyof TopicInfo, unknown>>
      if (typeof topicId === 'string' && typeof partitions === 'number' && Number.isInteger(partitions)) {
        return { topicId, partitions }
      }
    }
  } catch {
    // Reported below, with what else can be wrong with it.
  }
  throw new AssayError('log_corrupt', `${path.join(folder, FILE)} doesn't describe a topic`, {
    hint: 'restore it from a copy; a log of a later format needs a later version of Assay',
  })
}
