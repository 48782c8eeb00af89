import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock, systemRandom, UsageError } from '@assay/core'
import { type Lake, type LakeOptions, type LakeParts, noticeText, openLake } from '@assay/lake'

/** Folders of a lake; one that has none of them is none. */
const PARTS = ['log', 'schemas', 'tables']

/** Works on a lake, which is made if it is missing, and closes it. `home`: its folder, if this opens it again. */
export function withLake<T>(
  parts: LakeParts,
  work: (lake: Lake) => Promise<T>,
  home?: LakeOptions['home'],
): Promise<T> {
  return onLake(parts, { access: 'write', ...(home && { home }) }, work)
}

async function onLake<T>(
  parts: LakeParts,
  how: Pick<LakeOptions, 'access' | 'home'>,
  work: (lake: Lake) => Promise<T>,
): Promise<T> {
  const onFileLogEvent: LakeOptions['onFileLogEvent'] = ({ message }) => process.stderr.write(`warning: ${message}\n`)
  const onTableNotice: LakeOptions['onTableNotice'] = (notice) =>
    process.stderr.write(`warning: ${noticeText(notice)}\n`)
  const lake = await openLake({
    ...how,
    parts,
    clock: systemClock,
    random: systemRandom,
    onFileLogEvent,
    onTableNotice,
  })
  try {
    return await work(lake)
  } finally {
    await lake.close()
  }
}

/** The same on a lake that has to be there already. Throws `lake_missing`, having made nothing. */
export async function withExistingLake<T>(parts: LakeParts, work: (lake: Lake) => Promise<T>): Promise<T> {
  await checkThere(parts)
  return onLake(parts, { access: 'write' }, work)
}

/** The same for work that only reads, for which rights to read are enough. */
export async function withLakeToRead<T>(parts: LakeParts, work: (lake: Lake) => Promise<T>): Promise<T> {
  await checkThere(parts)
  return onLake(parts, { access: 'read' }, work)
}

async function checkThere(parts: LakeParts): Promise<void> {
  if (await isThere(parts)) return
  throw new UsageError('lake_missing', `there is no lake in "${parts.location}"`, {
    hint: 'make one with "assay up" or "assay load", or name the one you mean with --lake',
  })
}

/** A lake with a log of its own is there once it has a folder of its parts; with brokers or a bucket, those answer. */
async function isThere({ store, log }: LakeParts): Promise<boolean> {
  if (store.kind !== 'folder' || log.kind !== 'embedded') return true
  const found = await Promise.all(PARTS.map((part) => exists(join(store.directory, part))))
  return found.includes(true)
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
