import { AssayError, isStopped } from '@assay/core'
import type { LakeTable, PinnedTable, TableDefinition } from '@assay/pipeline'
import type { Lake } from './lake.js'

export interface ExistingTable {
  readonly table: LakeTable
  readonly pinned: PinnedTable
}

/** Why a table can't be used as it is; others can. */
export interface TableProblem {
  readonly table: string
  readonly code: string
  readonly message: string
  /** What an operator can do to make the table usable. */
  readonly hint: string | null
}

/** A table of the lake as it stands; undefined for one that no worker has made yet. Makes none. */
export async function pinExisting(lake: Lake, definition: TableDefinition): Promise<ExistingTable | undefined> {
  if (!(await lake.catalog.load(definition.name))) return undefined
  const table = await lake.table(definition)
  return { table, pinned: await table.pin() }
}

/**
 * What `work` makes of a table, or why nothing can be made of it: damage, a foreign change that we don't live with, a
 * format that we can't read. An outage or a stop is none of these, and is thrown.
 */
export async function ofTable<T>(
  { name }: Pick<TableDefinition, 'name'>,
  work: () => Promise<T>,
): Promise<{ readonly value: T } | { readonly problem: TableProblem }> {
  try {
    return { value: await work() }
  } catch (error) {
    if (!(error instanceof AssayError) || error.retryable || isStopped(error)) throw error
    const { code, message, hint = null } = error
    return { problem: { table: name, code, message, hint } }
  }
}
