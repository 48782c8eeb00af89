import { internSpans, type RowColumn, type RowColumns, wordsOf } from '@assay/core'

/** Integers of 64 bits as pairs of words (see `wordsOf`). */
export interface Longs {
  readonly words: Int32Array
  readonly nulls: Uint8Array | undefined
}

/** Row `i` is `dictionary[codes[i]]`; a code of -1 is null. */
export interface Texts {
  readonly codes: Int32Array
  readonly dictionary: readonly string[]
}

/** Four words a row: a value of 16 bytes. */
export type Decimals = Longs

/** The first `count` rows of a column of BIGINT or TIMESTAMPTZ. */
export function longsOf(columns: RowColumns, name: string, count: number): Longs {
  const column = namedColumn(columns, name)
  if (column.type === 'BIGINT' || column.type === 'TIMESTAMPTZ')
    return { words: wordsOf(column.data), nulls: column.nulls }
  if (column.type !== 'CONSTANT') throw wrongType(name, column)
  const { value } = column
  return {
    words: wordsOf(new BigInt64Array(count).fill(typeof value === 'bigint' ? value : 0n)),
    nulls: value === null ? new Uint8Array(count).fill(1) : undefined,
  }
}

/** The first `count` rows of a column of INTEGER that has no nulls. */
export function integersOf(columns: RowColumns, name: string, count: number): Int32Array {
  const column = namedColumn(columns, name)
  if (column.type === 'INTEGER') return column.data
  if (column.type !== 'CONSTANT') throw wrongType(name, column)
  return new Int32Array(count).fill(Number(column.value))
}

/** The rows of a column of DECIMAL. */
export function decimalsOf(columns: RowColumns, name: string): Decimals {
  const column = namedColumn(columns, name)
  if (column.type !== 'DECIMAL') throw wrongType(name, column)
  const { data, nulls } = column
  const aligned = data.byteOffset % 4 === 0 ? data : data.slice()
  return { words: new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4), nulls }
}

/** The first `count` rows of a column of texts, each distinct one once. */
export function textsOf(columns: RowColumns, name: string, count: number): Texts {
  const column = namedColumn(columns, name)
  switch (column.type) {
    case 'DICTIONARY':
      return column
    case 'CONSTANT':
      return column.value === null
        ? { codes: new Int32Array(count).fill(-1), dictionary: [] }
        : { codes: new Int32Array(count), dictionary: [String(column.value)] }
    case 'VARCHAR': {
      const { source, starts, ends, nulls = new Uint8Array(count) } = column
      const { codes, texts } = internSpans(source, starts, ends, nulls)
      return { codes, dictionary: texts }
    }
    default:
      throw wrongType(name, column)
  }
}

/** Texts of rows as spans of bytes; no span has a meaning where `nulls` says 1. */
export interface Spans {
  readonly source: Uint8Array
  readonly starts: Uint32Array
  readonly ends: Uint32Array
  readonly nulls: Uint8Array
  /** Length of all spans. */
  readonly size_bytes: number
}

/** These rows of a column of texts as spans. */
export function spansOf(columns: RowColumns, name: string, rows: Uint32Array): Spans {
  const column = namedColumn(columns, name)
  const starts = new Uint32Array(rows.length)
  const ends = new Uint32Array(rows.length)
  const nulls = new Uint8Array(rows.length)
  if (column.type !== 'VARCHAR') return spansOfTexts(columns, name, rows, { starts, ends, nulls })
  let size_bytes = 0
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i] as number
    if (column.nulls?.[row] === 1) {
      nulls[i] = 1
      continue
    }
    starts[i] = column.starts[row] as number
    ends[i] = column.ends[row] as number
    size_bytes += (ends[i] as number) - (starts[i] as number)
  }
  return { source: column.source, starts, ends, nulls, size_bytes }
}

/** The same of texts that aren't bytes yet, of which each distinct one becomes that once. */
function spansOfTexts(
  columns: RowColumns,
  name: string,
  rows: Uint32Array,
  { starts, ends, nulls }: Pick<Spans, 'starts' | 'ends' | 'nulls'>,
): Spans {
  const known = new Map<string, readonly [start: number, end: number]>()
  const parts: Buffer[] = []
  let end = 0
  let size_bytes = 0
  for (let i = 0; i < rows.length; i++) {
    const text = textAt(columns, name, rows[i] as number)
    if (text === null) {
      nulls[i] = 1
      continue
    }
    let span = known.get(text)
    if (!span) {
      const bytes = Buffer.from(text)
      parts.push(bytes)
      span = [end, end + bytes.length]
      end += bytes.length
      known.set(text, span)
    }
    starts[i] = span[0]
    ends[i] = span[1]
    size_bytes += span[1] - span[0]
  }
  return { source: Buffer.concat(parts), starts, ends, nulls, size_bytes }
}

/** Text of one row of a column of texts. */
export function textAt(columns: RowColumns, name: string, row: number): string | null {
  const column = namedColumn(columns, name)
  switch (column.type) {
    case 'DICTIONARY':
      return column.dictionary[column.codes[row] as number] ?? null
    case 'CONSTANT':
      return column.value === null ? null : String(column.value)
    case 'VARCHAR': {
      const { source, starts, ends, nulls } = column
      if (nulls?.[row] === 1) return null
      const start = starts[row] as number
      return Buffer.from(source.buffer, source.byteOffset + start, (ends[row] as number) - start).toString('utf8')
    }
    default:
      throw wrongType(name, column)
  }
}

export function namedColumn(columns: RowColumns, name: string): RowColumn {
  const column = columns.get(name)
  if (!column) throw new RangeError(`rows of silver without a column ${name}`)
  return column
}

function wrongType(name: string, { type }: RowColumn): RangeError {
  return new RangeError(`column ${name} of rows of silver is of type ${type}`)
}
