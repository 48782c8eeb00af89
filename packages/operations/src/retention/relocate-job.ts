import { rm } from 'node:fs/promises'
import { UsageError } from '@assay/core'
import { quoteText, type Session, withSession } from '@assay/engine'
import {
  type DeleteFileRewriter,
  FILE_PATH_ID,
  FileSystemCatalog,
  POSITION_ID,
  relocateTable,
  Table,
} from '@assay/iceberg'
import type { Lake } from '@assay/lake'
import { throwIfStopped } from '../dead-letters/job-context.js'

export interface RelocatedTable {
  readonly table: string
  /** Where its metadata said that it lies; null where it is in its place already. */
  readonly from: string | null
}

/**
 * Makes the location at which a copied or moved lake was found its own: every table's metadata names its files there
 * afterwards. Can be repeated, after a kill at any moment, too; whatever lies in the old location is neither read nor
 * written. Throws `no_relocation_needed` where a catalog says where tables lie, and `job_stopped` on abort.
 */
export async function relocateLake(lake: Lake, dryRun: boolean, signal?: AbortSignal): Promise<RelocatedTable[]> {
  const { catalog, store, clock, random } = lake
  if (!(catalog instanceof FileSystemCatalog)) {
    throw new UsageError('no_relocation_needed', 'where the tables of this lake lie is told by its catalog', {
      hint: 'register the tables at their new location with the catalog',
    })
  }
  const names = await catalog.list()
  const tables = new Map(names.map((name) => [name, new Table(catalog, name, { store, clock, random })]))
  return withSession(await lake.engine(), async (session) => {
    const options = { rewriteDeletes: rewriter(lake, session), table: (name: string) => tables.get(name), dryRun }
    const reports: RelocatedTable[] = []
    for (const [name, table] of tables) {
      throwIfStopped(signal)
      reports.push({ table: name, from: (await relocateTable(table, options)) ?? null })
    }
    return reports
  })
}

/** Position deletes name data files by their whole paths, within the Parquet file. */
function rewriter({ store, random }: Lake, session: Session): DeleteFileRewriter {
  return async (key, newKey, { from, to }) => {
    const scratch = `${await store.scratchDirectory()}/${random.uuid()}.parquet`
    const path = "regexp_replace(file_path, '^file:(//)?/', '/')"
    const moved = `CASE WHEN starts_with(${path}, ${quoteText(`${from}/`)})
      THEN ${quoteText(to)} || substr(${path}, length(${quoteText(from)}) + 1) ELSE file_path END`
    try {
      const written = await session.writeParquet({
        select: `SELECT ${moved} AS file_path, pos FROM read_parquet(${quoteText(await store.localPath(key))}) ORDER BY ALL`,
        path: scratch,
        fields: [
          { name: 'file_path', id: FILE_PATH_ID, type: 'VARCHAR' },
          { name: 'pos', id: POSITION_ID, type: 'BIGINT' },
        ],
      })
      await store.putFile(newKey, scratch)
      return written.size_bytes
    } finally {
      await rm(scratch, { force: true })
    }
  }
}
