import { AssayError, backOff_ms } from '@assay/core'
import type { TableVersion } from '../catalog/catalog.js'
import { currentSchema, type Snapshot, type TableMetadata } from '../format/metadata.js'
import type { NestedField } from '../format/schema.js'
import type { Table } from '../table/table.js'
import { identitySpecOf, withColumns, withIdentitySpec } from './evolve-metadata.js'
import { type ColumnMatch, matchColumns } from './match-columns.js'
import { olderWriter } from './older-writer.js'

export interface Wanted {
  readonly fields: readonly NestedField[]
  /** Columns to partition by, in order: their values as they are. */
  readonly partitionBy: readonly string[]
}

/** How a table's current state answers to a description. */
export interface TableMatch extends ColumnMatch {
  /** The spec to write for; undefined when the table has none that fits. */
  readonly specId: number | undefined
}

export type Evolved =
  | { readonly kind: 'current'; readonly version: TableVersion }
  /** Nothing was changed: a version of Assay that would not keep the columns has committed lately. */
  | { readonly kind: 'older_writer'; readonly version: TableVersion; readonly snapshot: Snapshot }

const ATTEMPTS_MAX = 50

/** Throws `table_incompatible`, naming every column that stands in the way and the way out. */
export function matchTable(name: string, path: string, metadata: TableMetadata, wanted: Wanted): TableMatch {
  const match = matchColumns(metadata, wanted.fields)
  if (match.problems.length > 0) {
    const what = match.problems.map(({ column, problem }) => `column ${column} ${problem}`).join('; ')
    throw new AssayError('table_incompatible', `table ${name} (${path}) cannot be used as it is: ${what}`, {
      hint: [...new Set(match.problems.map(({ remedy }) => remedy))].join('; '),
    })
  }
  const sources = wanted.partitionBy.map((column) => match.fields.get(column)?.id ?? -1)
  return { ...match, specId: identitySpecOf(metadata, sources)?.specId }
}

/**
 * Adds to the table what of the description it lacks: columns, and the partition spec. Any number of processes may
 * do so at once. Throws what a commit throws, and `table_incompatible`.
 */
export async function evolveTable(
  table: Table,
  wanted: Wanted,
  { olderWriters_ms }: { readonly olderWriters_ms: number },
): Promise<Evolved> {
  const { catalog, clock, name, random } = table
  for (let tried = 1; tried <= ATTEMPTS_MAX; tried += 1) {
    const version = await table.load()
    const { metadata } = version
    const match = matchTable(name, version.metadataLocation, metadata, wanted)
    if (match.missing.length === 0 && match.specId !== undefined) return { kind: 'current', version }
    const snapshot = olderWriter(metadata, clock.now_ms(), olderWriters_ms)
    if (snapshot) return { kind: 'older_writer', version, snapshot }
    try {
      await catalog.compareAndSwap(name, version, evolved(metadata, wanted, match, clock.now_ms()))
    } catch (error) {
      // Whatever became of the commit, the table itself tells at the next turn.
      if (!(error instanceof AssayError && error.code === 'commit_outcome_unknown')) throw error
    }
    if (tried > 1) await clock.sleep(backOff_ms(Math.min(tried - 1, 4), random))
  }
  throw new AssayError('commit_contention', `columns could not be added to ${name} in ${ATTEMPTS_MAX} attempts`, {
    hint: 'fewer writers should commit to this table',
    retryable: true,
  })
}

/** One change at a time: some catalogs tell of a failure by no more than that one of several was refused. */
function evolved(metadata: TableMetadata, wanted: Wanted, match: TableMatch, now_ms: number): TableMetadata {
  if (match.missing.length > 0) return withColumns(metadata, match.missing, now_ms)
  const fields = currentSchema(metadata).fields
  const sources = wanted.partitionBy.flatMap((column) => fields.filter(({ name }) => name === column))
  return withIdentitySpec(metadata, sources, now_ms)
}
