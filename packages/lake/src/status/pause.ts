import { FileSystemCatalog } from '@assay/iceberg'
import type { Lake } from '../lake.js'

/** Since when no commit of Assay is made, in ms since 1970; undefined where they are made. */
export async function pausedSince({ catalog }: Pick<Lake, 'catalog'>): Promise<number | undefined> {
  return catalog instanceof FileSystemCatalog ? catalog.pausedSince() : undefined
}

/** Throws `paused` where a commit would be refused, for whoever would wait for the end of the pause in vain. */
export async function refuseIfPaused({ catalog }: Pick<Lake, 'catalog'>): Promise<void> {
  if (catalog instanceof FileSystemCatalog) await catalog.refuseIfPaused()
}
