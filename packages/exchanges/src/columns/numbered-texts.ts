import type { DecodedField } from '@assay/avro'
import { numberAt, type SpanColumn } from '@assay/core'
import { putDigits } from './digits.js'

const LONG_CHARACTERS_MAX = 20
const EXACT_MAX = 2 ** 53

/** What stands before the numbers of a column. */
interface Prefixes {
  readonly texts: readonly string[]
  /** Row by row the prefix, -1 for none: then there is no text, either. The first one everywhere without. */
  readonly codes?: Int32Array
}

/**
 * A text for each row, of a prefix and a number. Rows without a number have a text of `others`, or none.
 */
export function numberedTexts(
  prefixes: Prefixes,
  numbers: DecodedField & { readonly kind: 'long' },
  others: ReadonlyMap<number, Uint8Array> = new Map(),
): SpanColumn {
  const count = numbers.nulls.length
  const heads = prefixes.texts.map((text) => Buffer.from(text))
  const source = new Uint8Array(bytesMax(prefixes, heads, numbers, others))
  const starts = new Uint32Array(count)
  const ends = new Uint32Array(count)
  const nulls = new Uint8Array(count)
  let at = 0
  for (let row = 0; row < count; row++) {
    starts[row] = at
    if (numbers.nulls[row] === 1) {
      const other = others.get(row)
      if (other) source.set(other, at)
      else nulls[row] = 1
      at += other?.length ?? 0
    } else {
      const code = prefixes.codes ? (prefixes.codes[row] as number) : 0
      if (code < 0) nulls[row] = 1
      else at = putNumbered(source, at, heads[code] as Uint8Array, numbers, row)
    }
    ends[row] = at
  }
  // Who keeps the texts keeps their whole buffer.
  const used = at < source.length / 2 ? source.slice(0, at) : source
  return { type: 'VARCHAR', source: used, starts, ends, ...(nulls.includes(1) && { nulls }) }
}

function putNumbered(
  target: Uint8Array,
  at: number,
  head: Uint8Array,
  { words, data }: DecodedField & { readonly kind: 'long' },
  row: number,
): number {
  const { length } = head
  for (let i = 0; i < length; i++) target[at + i] = head[i] as number
  const number = numberAt(words, row)
  if (number >= 0 && number < EXACT_MAX) return putDigits(target, at + length, number)
  const text = Buffer.from(String(data[row]))
  target.set(text, at + length)
  return at + length + text.length
}

/** Room for all texts, were each number as long as the longest. */
function bytesMax(
  { codes }: Prefixes,
  heads: readonly Uint8Array[],
  numbers: DecodedField & { readonly kind: 'long' },
  others: ReadonlyMap<number, Uint8Array>,
): number {
  const count = numbers.nulls.length
  let bytes = count * charactersMax(numbers)
  for (const other of others.values()) bytes += other.length
  if (!codes) return bytes + count * (heads[0]?.length ?? 0)
  const lengths = Uint32Array.from(heads, ({ length }) => length)
  for (let row = 0; row < count; row++) {
    const code = codes[row] as number
    if (code >= 0) bytes += lengths[code] as number
  }
  return bytes
}

function charactersMax({ words }: DecodedField & { readonly kind: 'long' }): number {
  let most = 0
  for (let row = 0; 2 * row < words.length; row++) {
    const number = numberAt(words, row)
    if (number > most) most = number
    else if (number < 0) return LONG_CHARACTERS_MAX
  }
  return most < EXACT_MAX ? String(most).length : LONG_CHARACTERS_MAX
}
