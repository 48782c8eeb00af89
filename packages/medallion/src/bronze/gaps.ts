import { defineColumns, type TableDefinition } from '@assay/pipeline'

/** Ranges that were lost before bronze could read them. */
export const GAPS_TABLE: TableDefinition = {
  name: 'gaps',
  means: 'A range of offsets that was lost before bronze could read it, and that an operator has let bronze go past.',
  columns: defineColumns([
    ['source', 'string', 'Where it was lost: `log`.'],
    ['topic', 'string', 'Topic of the lane, as bronze names it.'],
    ['partition', 'int', 'Its partition.'],
    ['from_offset', 'long', 'First offset of the range.'],
    ['to_offset', 'long', 'Offset behind the last one of the range.'],
    ['found_at', 'timestamptz', 'When the range was written down.'],
    ['accepted_at', 'timestamptz', 'When the operator let bronze go on; the same.'],
    ['note', 'string', "The operator's word."],
  ]),
  partitionBy: [],
  orderBy: ['topic', 'partition', 'from_offset'],
}
