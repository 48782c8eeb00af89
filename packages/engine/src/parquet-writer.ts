import { rm } from 'node:fs/promises'
import { AssayError } from '@assay/core'
import type { DuckDBValue } from '@duckdb/node-api'
import duckdb, { type Connection } from '@duckdb/node-bindings'
import { type Bounds, parseBounds } from './parquet-stats.js'
import { DuckDBMapValue, DuckDBResult } from './results/node-api.js'
import { quoteIdentifier, quoteText } from './sql-text.js'

/** A column of the file and its field id. */
export interface ParquetField {
  readonly name: string
  readonly id: number
  /** SQL type that the query gives it: the column's bounds are read by it. */
  readonly type: string
  /** What is in it: a struct's fields, a list's `element`, a map's `key` and `value`. */
  readonly children?: readonly ParquetField[]
}

export interface WriteParquetRequest {
  /** A query whose columns are exactly those of `fields`. */
  readonly select: string
  /** A local path, replaced if it exists. */
  readonly path: string
  readonly fields: readonly ParquetField[]
  /** Rows of a row group. Default 30,720. */
  readonly rowGroupRows?: number
}

export interface WrittenParquet {
  /** With 0, the file holds nothing and the caller may drop it. */
  readonly rows: number
  /** Exact size of the file. */
  readonly size_bytes: number
  /** One entry per primitive column, by its own id: those of a struct, a list or a map stand for it. */
  readonly columns: readonly WrittenColumn[]
}

interface WrittenColumn extends Bounds {
  readonly id: number
  /** Compressed size of the column's data. */
  readonly size_bytes: number
  /** Values including nulls. */
  readonly values: number
  readonly nulls: number
}

/**
 * A quarter of DuckDB's default: a group is held until it is whole, and whoever wants one row reads all of its group.
 * A pipeline's peak memory is a quarter less and a row found in half the time, for files some 5 % larger.
 */
const ROW_GROUP_ROWS = 30_720

/**
 * Level 1 writes a bronze batch in two thirds of the time of the default level 3, to files no larger. Format
 * version 1: the delta encodings of version 2 are smaller still, but not every engine reads them. A dictionary
 * that outgrows the limit is given up early, and nobody asks for Bloom filters: together a tenth of the CPU.
 */
const PARQUET_OPTIONS = [
  'format parquet',
  'compression zstd',
  'compression_level 1',
  'parquet_version v1',
  'dictionary_size_limit 2000',
  'write_bloom_filter false',
].join(', ')

/** Throws `parquet_fields_differ` when a column has no field id: other engines would not find it. */
export async function writeParquet(connection: Connection, request: WriteParquetRequest): Promise<WrittenParquet> {
  const { select, path, fields, rowGroupRows = ROW_GROUP_ROWS } = request
  const sql = `copy (${select}) to ${quoteText(path)} (${PARQUET_OPTIONS}, row_group_size ${rowGroupRows},
    field_ids ${fieldIds(fields)}, return_stats)`
  try {
    const [row] = await new DuckDBResult(await duckdb.query(connection, sql)).getRowObjects()
    if (!row) throw unexpectedStats('no row')
    const stats = statsByPath(row.column_statistics)
    const columns = fields.flatMap((field) => writtenColumns(field, stats))
    if (stats.size > 0) throw fieldsDiffer([...stats.keys()], fields)
    return { rows: countOf(row.count), size_bytes: countOf(row.file_size_bytes), columns }
  } catch (error) {
    // What keeps it from being removed, too, must not hide what went wrong; scratch files are removed after a day.
    await rm(path, { force: true }).catch(() => undefined)
    throw error
  }
}

function fieldsDiffer(unknown: readonly string[], fields: readonly ParquetField[]): AssayError {
  return new AssayError(
    'parquet_fields_differ',
    `the query gives ${unknown.join(', ')} too, the fields are ${fields.map(({ name }) => name).join(', ')}`,
    { hint: 'select exactly the columns of the fields' },
  )
}

function fieldIds(fields: readonly ParquetField[], own = ''): string {
  const entries = fields.map(({ name, id, children }) => {
    const value = children === undefined ? id : fieldIds(children, `__duckdb_field_id: ${id}, `)
    return `${quoteIdentifier(name)}: ${value}`
  })
  return `{${own}${entries.join(', ')}}`
}

/** Statistics by quoted column path, such as `"price"` or `"trade_conditions"."element"`. */
function statsByPath(value: DuckDBValue | undefined): Map<string, Map<string, string>> {
  if (!(value instanceof DuckDBMapValue)) throw unexpectedStats('column statistics are no map')
  return new Map(
    value.entries.map((column) => {
      if (!(column.value instanceof DuckDBMapValue)) throw unexpectedStats('a column has no map')
      return [String(column.key), new Map(column.value.entries.map((stat) => [String(stat.key), String(stat.value)]))]
    }),
  )
}

/** Takes the statistics of the field, and of all that is in it, out of those that are left. */
function writtenColumns(
  field: ParquetField,
  stats: Map<string, Map<string, string>>,
  parent: string | undefined = undefined,
): WrittenColumn[] {
  const path = parent === undefined ? quoteIdentifier(field.name) : `${parent}.${quoteIdentifier(field.name)}`
  if (field.children) return field.children.flatMap((child) => writtenColumns(child, stats, path))
  const column = stats.get(path)
  if (!column) throw unexpectedStats(`nothing on ${path}`)
  stats.delete(path)
  // Bounds inside a list or a map say nothing of rows, and no reader asks for those inside a struct.
  const bounds = parent === undefined ? parseBounds(field.type, column.get('min'), column.get('max')) : {}
  return [
    {
      id: field.id,
      size_bytes: countOf(column.get('column_size_bytes')),
      values: countOf(column.get('num_values')),
      nulls: countOf(column.get('null_count')),
      ...bounds,
    },
  ]
}

function countOf(value: DuckDBValue | undefined): number {
  const count = Number(value ?? Number.NaN)
  if (!Number.isSafeInteger(count) || count < 0) throw unexpectedStats(`${value} is no count`)
  return count
}

function unexpectedStats(what: string): AssayError {
  return new AssayError(
    'parquet_stats_unexpected',
    `the engine's statistics of a written file are not as expected: ${what}`,
    {
      hint: 'this version of DuckDB differs from the one that Assay was built for',
    },
  )
}
