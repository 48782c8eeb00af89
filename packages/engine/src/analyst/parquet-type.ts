import type { DuckDBType } from '@duckdb/node-api'
import { DuckDBArrayType, DuckDBListType, DuckDBMapType, DuckDBStructType, DuckDBTypeId } from '../results/node-api.js'
import { quoteIdentifier } from '../sql-text.js'

/**
 * What DuckDB's Parquet writer would round or cut goes in as another type: it makes doubles of 128-bit integers,
 * milliseconds of an interval, and drops the offset of a time. Integers of more than 38 digits fail to cast.
 */
const INSTEAD: ReadonlyMap<number, string> = new Map<number, string>([
  [DuckDBTypeId.HUGEINT, 'DECIMAL(38,0)'],
  [DuckDBTypeId.UHUGEINT, 'DECIMAL(38,0)'],
  [DuckDBTypeId.INTERVAL, 'VARCHAR'],
  [DuckDBTypeId.TIME_TZ, 'VARCHAR'],
  [DuckDBTypeId.TIME_NS, 'VARCHAR'],
  [DuckDBTypeId.BIT, 'VARCHAR'],
  [DuckDBTypeId.BIGNUM, 'VARCHAR'],
  [DuckDBTypeId.ENUM, 'VARCHAR'],
])

/** The type to cast a column to before it is written to Parquet; undefined for one that is written exactly. */
export function parquetTypeInstead(type: DuckDBType): string | undefined {
  return hasInexact(type) ? sqlTypeOf(type) : undefined
}

function hasInexact(type: DuckDBType): boolean {
  if (type instanceof DuckDBListType || type instanceof DuckDBArrayType) return hasInexact(type.valueType)
  if (type instanceof DuckDBMapType) return hasInexact(type.keyType) || hasInexact(type.valueType)
  if (type instanceof DuckDBStructType) return type.entryTypes.some(hasInexact)
  return INSTEAD.has(type.typeId)
}

function sqlTypeOf(type: DuckDBType): string {
  if (type instanceof DuckDBListType) return `${sqlTypeOf(type.valueType)}[]`
  if (type instanceof DuckDBArrayType) return `${sqlTypeOf(type.valueType)}[${type.length}]`
  if (type instanceof DuckDBMapType) return `MAP(${sqlTypeOf(type.keyType)}, ${sqlTypeOf(type.valueType)})`
  if (type instanceof DuckDBStructType) {
    const fields = type.entryNames.map(
      (name, i) => `${quoteIdentifier(name)} ${sqlTypeOf(type.entryTypes[i] as DuckDBType)}`,
    )
    return `STRUCT(${fields.join(', ')})`
  }
  return INSTEAD.get(type.typeId) ?? String(type)
}
