import { opendir, stat } from 'node:fs/promises'
import path from 'node:path'
import { compareKeys, SCRATCH_FOLDER } from './keys.js'
import type { ObjectEntry } from './store.js'
import { errorCode } from './store-errors.js'

const STATS_AT_ONCE = 32

interface Name {
  /** A folder's name ends in `/`, so that sorted names give sorted keys: `a.txt` comes before `a/b`. */
  readonly name: string
  readonly isFolder: boolean
}

/** Objects below `root` whose key starts with `prefix`, in key order. What vanishes meanwhile is left out. */
export async function* listFolder(root: string, prefix: string): AsyncGenerator<ObjectEntry> {
  const cut = prefix.lastIndexOf('/') + 1
  yield* walk(root, prefix.slice(0, cut), prefix.slice(cut))
}

async function* walk(root: string, folderKey: string, namePrefix: string): AsyncGenerator<ObjectEntry> {
  const names = await sortedNames(path.join(root, folderKey), folderKey === '', namePrefix)
  for (let i = 0; i < names.length; ) {
    if (names[i]?.isFolder) {
      yield* walk(root, folderKey + names[i]?.name, '')
      i += 1
      continue
    }
    const files: string[] = []
    for (; i < names.length && !names[i]?.isFolder && files.length < STATS_AT_ONCE; i += 1) {
      files.push(folderKey + names[i]?.name)
    }
    for (const entry of await Promise.all(files.map((key) => entryOf(root, key)))) if (entry) yield entry
  }
}

async function sortedNames(folder: string, isRoot: boolean, namePrefix: string): Promise<Name[]> {
  const names: Name[] = []
  try {
    for await (const entry of await opendir(folder)) {
      if (!entry.name.startsWith(namePrefix) || (isRoot && entry.name === SCRATCH_FOLDER)) continue
      const isFolder = entry.isDirectory()
      names.push({ name: isFolder ? `${entry.name}/` : entry.name, isFolder })
    }
  } catch (error) {
    if (!isMissing(error)) throw error
  }
  return names.sort((a, b) => compareKeys(a.name, b.name))
}

async function entryOf(root: string, key: string): Promise<ObjectEntry | undefined> {
  try {
    const stats = await stat(path.join(root, key))
    return stats.isFile() ? { key, size_bytes: stats.size, modified_ms: stats.mtimeMs } : undefined
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

function isMissing(error: unknown): boolean {
  const code = errorCode(error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}
