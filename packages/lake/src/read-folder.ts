import { lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Random } from '@assay/core'
import { machineOwners, parseOwner } from '@assay/event-log'

const PREFIX = 'assay-read-'
/** File that says whose the folder is. */
const OWNER = 'owner.json'
/** A folder that does not say whose it is, as those of earlier versions. */
const LEFT_AFTER_MS = 24 * 60 * 60 * 1000
const OTHERS_MAY_WRITE = 0o022

export interface ReadFolder {
  readonly path: string
  remove(): Promise<void>
}

/**
 * A folder in `parent` for scratch files of a process that only reads a lake. Those that killed processes have left
 * there are removed.
 */
export async function makeReadFolder(parent: string, random: Random): Promise<ReadFolder> {
  await mkdir(parent, { recursive: true })
  const path = await mkdtemp(join(parent, PREFIX))
  const owner = await machineOwners.make(random, path)
  const remove = async (): Promise<void> => {
    await machineOwners.release?.(owner)
    await rm(path, { recursive: true, force: true })
  }
  try {
    // A full disk keeps nobody from reading: a folder that does not say whose it is goes a day later.
    await writeFile(join(path, OWNER), JSON.stringify(owner)).catch(() => undefined)
    // The file system's own time: a wrong clock on this machine removes nothing.
    const { mtimeMs } = await stat(path)
    for (const left of await leftReadFolders(parent, mtimeMs))
      await rm(left, { recursive: true, force: true }).catch(() => undefined)
    return { path, remove }
  } catch (error) {
    await remove()
    throw error
  }
}

/** Folders of this user in `parent` whose processes are known to have ended. */
export async function leftReadFolders(parent: string, now_ms: number): Promise<string[]> {
  const names = await readdir(parent).catch(() => [])
  const left: string[] = []
  for (const name of names.filter((one) => one.startsWith(PREFIX))) {
    const folder = join(parent, name)
    // One that goes meanwhile is none.
    if (await isLeft(folder, now_ms).catch(() => false)) left.push(folder)
  }
  return left
}

async function isLeft(folder: string, now_ms: number): Promise<boolean> {
  const stats = await lstat(folder)
  const { uid, mode, mtimeMs } = stats
  // In a folder that all may write to, what others can change is not ours to go through.
  if (!stats.isDirectory() || uid !== process.getuid?.() || (mode & OTHERS_MAY_WRITE) !== 0) return false
  const text = await readFile(join(folder, OWNER), 'utf8').catch(() => '')
  const owner = parseOwner(text)
  if (!owner) return now_ms - mtimeMs > LEFT_AFTER_MS
  return (await machineOwners.stateOf(owner, folder)) === 'dead'
}
