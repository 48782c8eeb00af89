import type { Column } from '@assay/core'
import duckdb, { type LogicalType } from '@duckdb/node-bindings'

/** Digits before and after the point of the only decimal type that columns have: DECIMAL(28,10). */
export const DECIMAL_WIDTH = 28
const DECIMAL_SCALE = 10

/** Type of a column once it is in a table: dictionaries are texts. */
export type TableType = Exclude<Column['type'], 'DICTIONARY'>

export function tableTypeOf(column: Column): TableType {
  return column.type === 'DICTIONARY' ? 'VARCHAR' : column.type
}

const TYPE_IDS: Record<Exclude<TableType, 'DECIMAL'>, number> = {
  BIGINT: duckdb.Type.BIGINT,
  TIMESTAMPTZ: duckdb.Type.TIMESTAMP_TZ,
  INTEGER: duckdb.Type.INTEGER,
  DATE: duckdb.Type.DATE,
  DOUBLE: duckdb.Type.DOUBLE,
  BOOLEAN: duckdb.Type.BOOLEAN,
  UTINYINT: duckdb.Type.UTINYINT,
  UUID: duckdb.Type.UUID,
  VARCHAR: duckdb.Type.VARCHAR,
  BLOB: duckdb.Type.BLOB,
}

export function logicalTypeOf(type: TableType): LogicalType {
  if (type === 'DECIMAL') return duckdb.create_decimal_type(DECIMAL_WIDTH, DECIMAL_SCALE)
  return duckdb.create_logical_type(TYPE_IDS[type])
}

/** The table type of a result's column, or undefined when a column of this package can't hold it exactly. */
export function tableTypeOfLogical(type: LogicalType): TableType | undefined {
  const id = duckdb.get_type_id(type)
  if (id === duckdb.Type.DECIMAL) {
    const fits = duckdb.decimal_width(type) === DECIMAL_WIDTH && duckdb.decimal_scale(type) === DECIMAL_SCALE
    return fits ? 'DECIMAL' : undefined
  }
  for (const [name, typeId] of Object.entries(TYPE_IDS)) if (typeId === id) return name as TableType
  return undefined
}
