import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, storeError } from '@assay/object-store'
import type { LakeParts } from './settings/lake-parts.js'

/** Folders of a lake; one that has none of them is none. */
const PARTS = ['log', 'schemas', 'tables']

/**
 * Whether there is a lake to work on: one with a log of its own is there once it has a folder of its parts; with
 * brokers or a bucket, those answer. Throws an OutageError where the place can't be looked at.
 */
export async function isLakeThere({ store, log }: LakeParts): Promise<boolean> {
  if (store.kind !== 'folder' || log.kind !== 'embedded') return true
  const found = await Promise.all(PARTS.map((part) => isThere(join(store.directory, part))))
  return found.includes(true)
}

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return false
    throw storeError(error, 'looking for', path)
  }
}
