import { AssayError, type BytesColumn, type Column, type DictionaryColumn, type SpanColumn } from '@assay/core'

/** A result's texts or byte strings; texts are UTF-8. */
interface BytesResultColumn extends BytesColumn {
  readonly type: 'VARCHAR' | 'BLOB'
}

/** A column of a result: the fixed-width columns of the core, or byte strings. Owned by the receiver. */
export type ResultColumn = Exclude<Column, SpanColumn | DictionaryColumn> | BytesResultColumn

type ColumnOfType<Type extends ResultColumn['type'], Candidate = ResultColumn> = Candidate extends {
  readonly type: infer Types
}
  ? Type extends Types
    ? Candidate & { readonly type: Type }
    : never
  : never

/** Some rows of a result, in order. */
export interface ResultChunk {
  readonly count: number
  readonly columns: ReadonlyMap<string, ResultColumn>
}

/** The column of that name and type. Throws `unexpected_column` when the result has none. */
export function columnOf<Type extends ResultColumn['type']>(
  chunk: ResultChunk,
  name: string,
  type: Type,
): ColumnOfType<Type> {
  const column = chunk.columns.get(name)
  if (column?.type !== type) {
    throw new AssayError(
      'unexpected_column',
      `expected a column ${name} of type ${type}, found ${column?.type ?? 'none'}`,
      {
        hint: 'select the column under that name and cast it to that type',
      },
    )
  }
  return column as ColumnOfType<Type>
}
