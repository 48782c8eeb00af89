import type { BooleanSource } from '../values/booleans.js'
import { type SpansSource, spansSource } from '../values/byte-arrays.js'
import type { WordsSource } from '../values/words.js'

/** Indices of a slice that is one value, many times over: no slice has more rows. */
export const ZEROS = new Uint32Array(2048)

/** Values as the writers of pages take them. */
export type ValuesSource = BooleanSource | SpansSource | WordsSource

/** A column of a part, checked against its field. */
export type ColumnSource = RowsSource | CodesSource | ListsSource | ConstantSource

/** A value a row. */
interface RowsSource {
  readonly kind: 'rows'
  readonly values: ValuesSource
  readonly nulls: Uint8Array | undefined
  /** The same, where values have no fixed width. */
  readonly spans: SpansSource | undefined
}

interface CodesSource {
  readonly kind: 'codes'
  readonly codes: Int32Array
  readonly entries: Entries
}

interface ListsSource {
  readonly kind: 'lists'
  readonly codes: Int32Array
  readonly lists: Lists
}

interface ConstantSource {
  readonly kind: 'constant'
  readonly key: bigint | number | boolean | string | null
  /** A source of one value; none for null. */
  readonly values: ValuesSource | undefined
  /** Bytes of the value. */
  readonly size: number
}

/** Of a code unit of UTF-16. */
const UTF8_BYTES_MAX = 3

/** The texts of a column's dictionary. */
export class Entries {
  readonly texts: readonly string[]
  /** Index in the dictionary of the chunk `chunk`, -1 where it has none yet. */
  readonly indices: Int32Array
  chunk: unknown
  /** The most bytes of an entry. */
  readonly size_max: number
  #spans: SpansSource | undefined

  constructor(texts: readonly string[]) {
    this.texts = texts
    this.indices = new Int32Array(texts.length)
    this.size_max = texts.reduce((most, { length }) => Math.max(most, length * UTF8_BYTES_MAX), 0)
  }

  /** The most bytes that the entry can have. */
  sizeOf(code: number): number {
    return (this.texts[code] as string).length * UTF8_BYTES_MAX
  }

  /** All of them in UTF-8, by code. */
  get spans(): SpansSource {
    this.#spans ??= encoded(this.texts)
    return this.#spans
  }
}

function encoded(texts: readonly string[]): SpansSource {
  const starts = new Uint32Array(texts.length)
  const ends = new Uint32Array(texts.length)
  const parts = texts.map((text) => Buffer.from(text))
  let at = 0
  parts.forEach((part, i) => {
    starts[i] = at
    at += part.length
    ends[i] = at
  })
  return spansSource(Buffer.concat(parts), starts, ends)
}

/** The lists of a column's dictionary: list `i` is the entries [offsets[i], offsets[i + 1]). */
export class Lists {
  readonly entries: Entries
  readonly offsets: Uint32Array
  /** 1 for an entry that is null; without it none is. */
  readonly nulls: Uint8Array | undefined

  constructor(lists: readonly (readonly (string | null)[])[]) {
    this.offsets = new Uint32Array(lists.length + 1)
    lists.forEach(({ length }, i) => {
      this.offsets[i + 1] = (this.offsets[i] as number) + length
    })
    const entries = lists.flat()
    this.entries = new Entries(entries.map((entry) => entry ?? ''))
    this.nulls = entries.includes(null) ? Uint8Array.from(entries, (entry) => (entry === null ? 1 : 0)) : undefined
  }

  get count(): number {
    return this.offsets.length - 1
  }
}
