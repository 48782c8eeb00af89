import type { ParquetField } from '@assay/engine'
import type { NestedField } from '@assay/iceberg'
import type { Checkpoint } from '../checkpoint/checkpoint.js'
import { parquetField } from './iceberg-types.js'

/** Types that the lake's tables use, by their Iceberg names. */
type ColumnType =
  | 'binary'
  | 'boolean'
  | 'date'
  | 'decimal(28, 10)'
  | 'decimal(38, 10)'
  | 'decimal(38, 20)'
  | 'int'
  | 'list<string>'
  | 'long'
  | 'string'
  | 'timestamptz'
  | 'uuid'

export interface ColumnDefinition {
  /** Field id in a table that is made from the definition; one that is there already has its own. */
  readonly id: number
  readonly name: string
  readonly type: ColumnType
  /** Field id of the elements of a list. */
  readonly elementId?: number
  /** What it holds, for people; no part of the table. */
  readonly means?: string
  readonly facts?: ColumnFacts
}

/** What else people want to know of a column. */
interface ColumnFacts {
  /** Unit of a number. */
  readonly unit?: string
  /** When there is no value; there always is one without. */
  readonly nullWhen?: string
  /** Version of Assay that brought it; the first without. */
  readonly since?: string
}

export type ColumnSpec = readonly [
  name: string,
  type: ColumnType,
  means?: string | undefined,
  facts?: ColumnFacts | undefined,
]

export interface TableDefinition {
  readonly name: string
  /** What a row of it is, for people. */
  readonly means?: string
  readonly columns: readonly ColumnDefinition[]
  /** Columns whose values partition the table (identity transforms), outermost first. */
  readonly partitionBy: readonly string[]
  /** Columns by which a compacted file is sorted: the lane, then the offset. */
  readonly orderBy: readonly string[]
  /** What the checkpoint holds of the table's own, beside its lanes. */
  readonly state?: TableState
  /** The columns that hold a row's coordinates; ledgers without a lane have none. */
  readonly coordinates?: Coordinates
}

/** A layer's own members of its table's checkpoint. */
export interface TableState {
  /** Members that may change under a batch which demands all others as they were. */
  readonly noted: readonly string[]
  /** Objects of the store that the members name: no orphans. */
  readonly files: (checkpoint: Checkpoint) => readonly string[]
}

interface Coordinates {
  readonly topic: string
  readonly partition: string
  readonly offset: string
  /**
   * Of a table that takes replays: the column that is null unless the row is one, and the one with its offset in
   * the table's lane of replays. A table that only hands replays on has no such offset. `topic` is SQL of the lane's topic
   * in a table that unites the replays of several.
   */
  readonly replay?: { readonly id: string; readonly sequence?: string; readonly topic?: string }
}

/** Columns in order, ids counted from 1; elements of lists get the ids after the last column. */
export function defineColumns(specs: readonly ColumnSpec[]): ColumnDefinition[] {
  let nextElementId = specs.length + 1
  return specs.map(([name, type, means, facts], index) => ({
    id: index + 1,
    name,
    type,
    ...(type === 'list<string>' && { elementId: nextElementId++ }),
    ...(means !== undefined && { means }),
    ...(facts !== undefined && { facts }),
  }))
}

/** Columns of a table as specs, for another table or a view that has them, too; all of them, or those named. */
export function columnSpecs({ columns }: Pick<TableDefinition, 'columns'>, names?: readonly string[]): ColumnSpec[] {
  const wanted = names?.map((name) => columns.find((column) => column.name === name)) ?? columns
  return wanted.map((column) => {
    if (!column) throw new RangeError(`the table has not all of ${names?.join(', ')}`)
    return [column.name, column.type, column.means, column.facts]
  })
}

const SQL_TYPES: Record<ColumnType, string> = {
  binary: 'BLOB',
  boolean: 'BOOLEAN',
  date: 'DATE',
  'decimal(28, 10)': 'DECIMAL(28,10)',
  'decimal(38, 10)': 'DECIMAL(38,10)',
  'decimal(38, 20)': 'DECIMAL(38,20)',
  int: 'INTEGER',
  'list<string>': 'VARCHAR[]',
  long: 'BIGINT',
  string: 'VARCHAR',
  timestamptz: 'TIMESTAMPTZ',
  uuid: 'UUID',
}

/** DuckDB's name of a column type. */
export function sqlType(type: ColumnType): string {
  return SQL_TYPES[type]
}

/** The table's columns as the engine writes them to a file. */
export function parquetFields({ columns }: Pick<TableDefinition, 'columns'>): ParquetField[] {
  return columns.map((column) => parquetField(icebergField(column)))
}

/** The column as an Iceberg table has it that was made from the definition. */
export function icebergField({ id, name, type, elementId }: ColumnDefinition): NestedField {
  const element = { elementRequired: false, element: 'string' } as const
  return {
    id,
    name,
    required: false,
    type: type === 'list<string>' ? { kind: 'list', elementId: elementId as number, ...element } : type,
  }
}
