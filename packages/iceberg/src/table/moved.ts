import { UsageError } from '@assay/core'
import type { TableVersion } from '../catalog/catalog.js'
import type { Table } from './table.js'

/**
 * Throws `table_moved` where the table's metadata names another location than the one where it was found: what is
 * committed would be named under the old location, and other engines would read and write there.
 */
export async function refuseIfMoved(table: Table, version: TableVersion): Promise<void> {
  if (!(await table.isMoved(version))) return
  throw new UsageError(
    'table_moved',
    `table ${table.name} was found in ${table.store.location(version.tableKey)}, and its metadata says that it lies in ` +
      version.metadata.location,
    {
      hint: 'the lake was copied or moved, or is mounted elsewhere: open it where it was, or run "assay maintain --relocate" once to make this its location',
    },
  )
}
