import { defineColumns, type TableDefinition } from '@assay/pipeline'

/** Ranges that were lost before bronze could read them. */
export const GAPS_TABLE: TableDefinition = {
  name: 'gaps',
  columns: defineColumns([
    ['source', 'string'],
    ['topic', 'string'],
    ['partition', 'int'],
    ['from_offset', 'long'],
    ['to_offset', 'long'],
    ['found_at', 'timestamptz'],
    ['accepted_at', 'timestamptz'],
    ['note', 'string'],
  ]),
  partitionBy: [],
  orderBy: ['topic', 'partition', 'from_offset'],
}
