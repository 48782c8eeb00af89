import { constants } from 'node:fs'
import { access, link, open, readdir, readFile, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { Random } from '@assay/core'
import type { Lake } from '@assay/lake'
import { errorCode, storeError } from '@assay/object-store'
import type { StoreFacts } from '../judge/store.js'

/** An object that a process which was killed in its probe has left goes with the first start an hour later. */
const PROBE = 'assay-probe-doctor-'
const NOT_TRIED = { isExclusive: undefined, read: true, remove: true } as const

async function outcome(step: () => Promise<unknown>): Promise<true | unknown> {
  try {
    await step()
    return true
  } catch (error) {
    return error
  }
}

/** Tries in a bucket what workers do, on one small object that is deleted again. */
export async function tryBucket(store: Lake['store'], random: Random): Promise<StoreFacts> {
  const key = `${PROBE}${random.uuid()}`
  const place = store.location(key).slice(0, -key.length)
  const list = await outcome(async () => {
    for await (const _ of store.list('')) break
  })
  if (list !== true) return { place, list, write: true, ...NOT_TRIED }
  const write = await outcome(() => store.putIfAbsent(key, Uint8Array.of(1)))
  if (write !== true) {
    // Whether it came to be is not known.
    await outcome(() => store.delete(key))
    return { place, list, write, ...NOT_TRIED }
  }
  let isExclusive: boolean | undefined
  const again = await outcome(async () => {
    isExclusive = (await store.putIfAbsent(key, Uint8Array.of(2))) === 'exists'
  })
  const read = await outcome(() => store.get(key))
  const remove = await outcome(() => store.delete(key))
  return { place, list, write: again, isExclusive, read, remove }
}

interface FolderFacts {
  readonly facts: StoreFacts
  /** The file system's own time less this clock's. */
  readonly ahead_ms: number | undefined
}

/** Folders in which processes make files, below the lake's own. */
const FOLDERS = ['', 'tables', 'tables/market_data', 'schemas', 'log']

/** The same in a lake's folder and in those of its parts that are there. */
export async function tryFolder(directory: string, random: Random, now_ms: () => number): Promise<FolderFacts> {
  const place = path.resolve(directory)
  let ahead_ms: number | undefined
  let last: StoreFacts = { place, list: true, write: true, ...NOT_TRIED }
  for (const folder of FOLDERS.map((name) => path.join(place, name))) {
    const list = await outcome(() => readdir(folder))
    if (folder !== place && list !== true && errorCode(list) === 'ENOENT') continue
    if (list !== true) return { facts: { ...last, list: storeError(list, 'listing', folder) }, ahead_ms }
    const tried = await tryFile(folder, path.join(folder, `.${PROBE}${random.uuid()}`))
    ahead_ms ??= tried.made_ms === undefined ? undefined : now_ms() - tried.made_ms
    last = { ...tried.facts, place }
    if (last.write !== true || last.remove !== true || last.isExclusive === false) break
  }
  return { facts: last, ahead_ms }
}

async function tryFile(folder: string, file: string): Promise<{ facts: StoreFacts; made_ms: number | undefined }> {
  const base = { place: folder, list: true as const }
  const write = await outcome(async () => {
    // Root may write anywhere but on a read-only file system; what the mode says is asked first.
    await access(folder, constants.W_OK)
    const handle = await open(file, 'wx')
    await handle.close()
  })
  if (write !== true) {
    await rm(file, { force: true }).catch(() => undefined)
    return {
      facts: { ...base, write: storeError(write, 'making a file in', folder), ...NOT_TRIED },
      made_ms: undefined,
    }
  }
  const { mtimeMs } = await stat(file)
  const other = `${file}.2`
  let isExclusive: boolean | undefined
  const linked = await outcome(async () => {
    await link(file, other)
    isExclusive = errorCode(await outcome(() => link(file, other))) === 'EEXIST'
  })
  const read = await outcome(() => readFile(file))
  const remove = await outcome(async () => {
    await rm(other, { force: true })
    await rm(file)
  })
  const told = (error: true | unknown, doing: string): true | unknown =>
    error === true ? true : storeError(error, doing, folder)
  return {
    facts: {
      ...base,
      write: told(linked, 'giving a file a second name in'),
      isExclusive,
      read: told(read, 'reading a file in'),
      remove: told(remove, 'deleting a file in'),
    },
    made_ms: mtimeMs,
  }
}
