import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock, systemRandom, UsageError } from '@assay/core'
import { type Lake, openLake } from '@assay/runtime'

/** Folders of a lake; one that has none of them is none. */
const PARTS = ['log', 'schemas', 'tables']

/** Works on a lake, which is made if it is missing, and closes it. */
export async function withLake<T>(directory: string, work: (lake: Lake) => Promise<T>): Promise<T> {
  const lake = await openLake({ directory, clock: systemClock, random: systemRandom })
  try {
    return await work(lake)
  } finally {
    await lake.close()
  }
}

/** The same on a lake that has to be there already. Throws `lake_missing`, having made nothing. */
export async function withExistingLake<T>(directory: string, work: (lake: Lake) => Promise<T>): Promise<T> {
  const found = await Promise.all(PARTS.map((part) => isThere(join(directory, part))))
  if (found.includes(true)) return withLake(directory, work)
  throw new UsageError('lake_missing', `there is no lake in "${directory}"`, {
    hint: 'make one with "assay up" or "assay load", or name the one you mean with --lake',
  })
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}
