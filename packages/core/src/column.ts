/**
 * Columns as they travel from the decoder to the engine. Row `i` is null when `nulls[i] === 1`;
 * a column without `nulls` has none. Buffers are owned by the receiver from the hand-over on.
 */
export type Column =
  | FixedColumn<'BIGINT' | 'TIMESTAMPTZ', BigInt64Array>
  | FixedColumn<'INTEGER' | 'DATE', Int32Array>
  | FixedColumn<'DOUBLE', Float64Array>
  | FixedColumn<'BOOLEAN' | 'UTINYINT', Uint8Array>
  /** 16 bytes a row: the unscaled value, two's complement, little-endian; DECIMAL(28,10). */
  | FixedColumn<'DECIMAL', Uint8Array>
  /** 16 bytes a row in the order of RFC 9562. */
  | FixedColumn<'UUID', Uint8Array>
  | SpanColumn
  | DictionaryColumn

/** `TIMESTAMPTZ` is µs since 1970, `DATE` is days since 1970. */
interface FixedColumn<Type extends string, Data> {
  readonly type: Type
  readonly data: Data
  readonly nulls?: Uint8Array
}

/** Row `i` is `source[starts[i] .. ends[i])`: slices of a buffer that is shared, not copied. */
export interface SpanColumn {
  readonly type: 'VARCHAR' | 'BLOB'
  readonly source: Uint8Array
  readonly starts: Uint32Array
  readonly ends: Uint32Array
  readonly nulls?: Uint8Array
}

/** Few distinct texts: row `i` is `dictionary[codes[i]]`; a code of -1 is null. */
export interface DictionaryColumn {
  readonly type: 'DICTIONARY'
  readonly codes: Int32Array
  readonly dictionary: readonly string[]
}

/** A column and its name; names are plain identifiers in snake_case. */
export interface NamedColumn {
  readonly name: string
  readonly column: Column
}

/** How the text or number behind a value parsed; stored as one byte a row beside the value. */
export const ParseStatus = { ok: 0, missing: 1, malformed: 2, not_representable: 3 } as const

/** The same value in every row; null where there is none. */
export interface ConstantColumn {
  readonly type: 'CONSTANT'
  readonly of: 'BIGINT' | 'TIMESTAMPTZ' | 'INTEGER' | 'DATE' | 'BOOLEAN' | 'VARCHAR'
  /** A bigint for BIGINT and TIMESTAMPTZ, a number for INTEGER and DATE. */
  readonly value: bigint | number | boolean | string | null
}

/** Few distinct lists of texts, of which some may be null: row `i` is `dictionary[codes[i]]`; a code of -1 is null. */
export interface ListColumn {
  readonly type: 'LIST'
  readonly codes: Int32Array
  readonly dictionary: readonly (readonly (string | null)[])[]
}

/** A column of rows on their way to a file, or from one. */
export type RowColumn = Column | ConstantColumn | ListColumn

/** Columns by name. */
export type RowColumns = ReadonlyMap<string, RowColumn>
