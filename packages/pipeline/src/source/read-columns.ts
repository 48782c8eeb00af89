import {
  type BytesColumn,
  internFewSpans,
  internSpans,
  type ListColumn,
  type RowColumn,
  type SpanColumn,
} from '@assay/core'
import { columnOf, quoteIdentifier, type ResultChunk } from '@assay/engine'
import { type ColumnDefinition, sqlType } from '../table/definition.js'
import { concatBytes } from './concat-records.js'

/** A text column with more distinct values stays as it is: codes would bring nothing. */
const DICTIONARY_TEXTS_MAX = 2_000

/** SQL of a column in a form that `readColumn` understands. */
export function readableSql({ name, type }: ColumnDefinition): string {
  const quoted = quoteIdentifier(name)
  return type === 'list<string>' ? `to_json(${quoted})::VARCHAR AS ${quoted}` : quoted
}

/** One column of all rows of the chunks, as the engine gave them by `readableSql`. */
export function readColumn(chunks: readonly ResultChunk[], count: number, definition: ColumnDefinition): RowColumn {
  const { name, type } = definition
  switch (type) {
    case 'list<string>':
      return listColumn(bytesOf(chunks, name, 'VARCHAR'))
    case 'string':
      return textColumn(bytesOf(chunks, name, 'VARCHAR'))
    case 'binary':
      return spans('BLOB', bytesOf(chunks, name, 'BLOB'))
    case 'long':
      return fixed(chunks, count, name, 'BIGINT', new BigInt64Array(count))
    case 'timestamptz':
      return fixed(chunks, count, name, 'TIMESTAMPTZ', new BigInt64Array(count))
    case 'int':
      return fixed(chunks, count, name, 'INTEGER', new Int32Array(count))
    case 'date':
      return fixed(chunks, count, name, 'DATE', new Int32Array(count))
    case 'boolean':
      return fixed(chunks, count, name, 'BOOLEAN', new Uint8Array(count))
    case 'uuid':
      return fixed(chunks, count, name, 'UUID', new Uint8Array(16 * count))
    case 'decimal(28, 10)':
      return fixed(chunks, count, name, 'DECIMAL', new Uint8Array(16 * count))
    default:
      throw new RangeError(`no column of ${sqlType(type)} can be read`)
  }
}

type FixedType = 'BIGINT' | 'TIMESTAMPTZ' | 'INTEGER' | 'DATE' | 'BOOLEAN' | 'UUID' | 'DECIMAL'

function fixed<Data extends BigInt64Array | Int32Array | Uint8Array>(
  chunks: readonly ResultChunk[],
  count: number,
  name: string,
  type: FixedType,
  data: Data,
): RowColumn {
  let nulls: Uint8Array | undefined
  let row = 0
  let at = 0
  for (const chunk of chunks) {
    const column = columnOf(chunk, name, type)
    ;(data as { set(from: unknown, at: number): void }).set(column.data, at)
    if (column.nulls) {
      nulls ??= new Uint8Array(count)
      nulls.set(column.nulls, row)
    }
    row += chunk.count
    at += column.data.length
  }
  return { type, data, ...(nulls && { nulls }) } as RowColumn
}

function bytesOf(chunks: readonly ResultChunk[], name: string, type: 'VARCHAR' | 'BLOB'): BytesColumn {
  return concatBytes(chunks.map((chunk) => ({ column: columnOf(chunk, name, type), count: chunk.count })))
}

function spans(type: SpanColumn['type'], { data, offsets, nulls }: BytesColumn): SpanColumn {
  const count = offsets.length - 1
  return { type, source: data, starts: offsets.subarray(0, count), ends: offsets.subarray(1), ...(nulls && { nulls }) }
}

function textColumn(bytes: BytesColumn): RowColumn {
  const column = spans('VARCHAR', bytes)
  const { source, starts, ends, nulls } = column
  const few = internFewSpans(source, starts, ends, nulls, DICTIONARY_TEXTS_MAX)
  return few ? { type: 'DICTIONARY', codes: few.codes, dictionary: few.texts } : column
}

function listColumn(bytes: BytesColumn): ListColumn {
  const { source, starts, ends, nulls = new Uint8Array(starts.length) } = spans('VARCHAR', bytes)
  const { codes, texts } = internSpans(source, starts, ends, nulls)
  return { type: 'LIST', codes, dictionary: texts.map(listOf) }
}

function listOf(json: string): readonly (string | null)[] {
  return JSON.parse(json) as (string | null)[]
}
