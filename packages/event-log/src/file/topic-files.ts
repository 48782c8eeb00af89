import path from 'node:path'
import type { TopicFiles } from '../event-log.js'
import type { LogFiles } from './files/log-files.js'
import { type Owners, parseOwner } from './owners/owner.js'

/** Folder of a topic in which its locks are. */
export const LOCKS_FOLDER = 'locks'

/** Looks at what lies beside the records of a topic, and changes nothing. */
export async function topicFiles(files: LogFiles, owners: Owners, folder: string): Promise<TopicFiles> {
  const inTopic = await files.names(folder)
  const lanes = inTopic.filter((name) => /^\d+$/.test(name))
  const inLanes = await Promise.all(
    lanes.map(async (lane) => (await files.names(path.join(folder, lane))).map((name) => path.join(lane, name))),
  )
  return {
    locks: await locksIn(files, owners, path.join(folder, LOCKS_FOLDER)),
    putAside: [...inTopic, ...inLanes.flat()]
      .filter((name) => /\.(torn|damaged)$/.test(name))
      .map((name) => path.join(folder, name)),
  }
}

async function locksIn(files: LogFiles, owners: Owners, folder: string): Promise<TopicFiles['locks']> {
  const names = (await files.names(folder)).filter((name) => name.endsWith('.lock'))
  const found = await Promise.all(
    names.map(async (name) => {
      const file = path.join(folder, name)
      const bytes = await files.readAll(file)
      // Let go of meanwhile.
      if (!bytes) return []
      const owner = parseOwner(new TextDecoder().decode(bytes))
      if (!owner) return [{ path: file, holder: 'an owner that left no name', state: 'unknown' as const }]
      const holder = `process ${owner.pid} on ${owner.host}`
      return [{ path: file, holder, state: await owners.stateOf(owner, folder) }]
    }),
  )
  return found.flat()
}
