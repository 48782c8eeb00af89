import type { DecodedField } from '@assay/avro'
import { type DictionaryColumn, numberAt, type SpanColumn } from '@assay/core'
import { putDigits } from '../columns/digits.js'
import { jsonObject, jsonValue } from '../columns/json-text.js'

/** What a row's object is made of; flags are 1, 0, and -1 for none. */
interface VendorFields {
  readonly eventTypes: DictionaryColumn
  readonly times_ms: DecodedField & { readonly kind: 'long' }
  readonly isBuyerMaker: Int32Array
  readonly isBestMatch: Int32Array
}

/** Times from 2001 to 2286 have 13 digits. */
const USUAL_FROM_MS = 1e12
const USUAL_END_MS = 1e13
const NO_TIME = Number.POSITIVE_INFINITY
const USUAL_TIME = '1'.repeat(13)

const FIRST_WORDS_MAX = 2 ** 22

/** A row's text but for its time: whole words, so that it is copied as such. */
interface Template {
  readonly words: Int32Array
  readonly length: number
  /** Where the time's digits begin. */
  readonly timeAt: number
}

/** `vendor_data`: a text a row. Texts begin at whole words; rows that follow one another and are equal share one. */
export function vendorData(fields: VendorFields): SpanColumn {
  const { eventTypes, times_ms, isBuyerMaker, isBestMatch } = fields
  const count = times_ms.nulls.length
  const texts = new WordTexts(count)
  const templates: Template[] = []
  let lastKey = -1
  let last_ms = Number.NaN
  for (let row = 0; row < count; row++) {
    const key =
      9 * ((eventTypes.codes[row] as number) + 1) +
      3 * ((isBuyerMaker[row] as number) + 1) +
      (isBestMatch[row] as number) +
      1
    const time_ms = times_ms.nulls[row] === 1 ? NO_TIME : numberAt(times_ms.words, row)
    if (key === lastKey && time_ms === last_ms) {
      texts.putLast(row)
      continue
    }
    lastKey = key
    last_ms = time_ms
    if (!(time_ms >= USUAL_FROM_MS && time_ms < USUAL_END_MS)) {
      const text = Buffer.from(textOf(fields, row, time_ms === NO_TIME ? 'null' : String(times_ms.data[row])))
      texts.put(row, wordsOfBytes(text), text.length)
      // A double does not tell all of these from one another.
      if (time_ms !== NO_TIME) last_ms = Number.NaN
      continue
    }
    let template = templates[key]
    if (!template) {
      template = templateOf(textOf(fields, row, USUAL_TIME))
      templates[key] = template
    }
    const at = texts.put(row, template.words, template.length)
    putDigits(texts.bytes, at + template.timeAt, time_ms)
  }
  return texts.column()
}

/** The row's object, with the given text as its time. */
function textOf({ eventTypes, isBuyerMaker, isBestMatch }: VendorFields, row: number, time: string): string {
  const members = jsonObject([
    ['is_buyer_maker', flag(isBuyerMaker[row])],
    ['is_best_match', flag(isBestMatch[row])],
  ])
  const eventType = eventTypes.dictionary[eventTypes.codes[row] as number] ?? null
  return `{"event_type":${jsonValue(eventType)},"event_time_ms":${time},${members.slice(1)}`
}

function flag(code: number | undefined): boolean | null {
  return code === -1 ? null : code === 1
}

function templateOf(text: string): Template {
  const bytes = Buffer.from(text)
  // The time stands behind all that a record's own text could hold.
  return {
    words: wordsOfBytes(bytes),
    length: bytes.length,
    timeAt: bytes.lastIndexOf(`"event_time_ms":${USUAL_TIME}`) + 16,
  }
}

function wordsOfBytes(bytes: Uint8Array): Int32Array {
  const words = new Int32Array(Math.ceil(bytes.length / 4))
  new Uint8Array(words.buffer).set(bytes)
  return words
}

/** Texts of rows, one behind the other at whole words. */
class WordTexts {
  readonly #starts: Uint32Array
  readonly #ends: Uint32Array
  #words: Int32Array = new Int32Array(0)
  bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  #start = 0
  #end = 0

  constructor(count: number) {
    this.#starts = new Uint32Array(count)
    this.#ends = new Uint32Array(count)
  }

  /** Gives the place of the text's first byte. */
  put(row: number, text: Int32Array, length: number): number {
    const size = text.length
    if (this.#at + size > this.#words.length) this.#grow(size)
    const words = this.#words
    const at = this.#at
    for (let i = 0; i < size; i++) words[at + i] = text[i] as number
    this.#at = at + size
    this.#start = 4 * at
    this.#end = 4 * at + length
    this.putLast(row)
    return this.#start
  }

  /** The text of the row before. */
  putLast(row: number): void {
    this.#starts[row] = this.#start
    this.#ends[row] = this.#end
  }

  column(): SpanColumn {
    return { type: 'VARCHAR', source: this.bytes, starts: this.#starts, ends: this.#ends }
  }

  /** Room for so many more words; at first, for about as much in each row. */
  #grow(size: number): void {
    const wanted = this.#at === 0 ? Math.min(size * this.#starts.length, FIRST_WORDS_MAX) : 2 * this.#words.length
    const length = Math.max(this.#at + size, wanted)
    const words = new Int32Array(length)
    words.set(this.#words.subarray(0, this.#at))
    this.#words = words
    this.bytes = new Uint8Array(words.buffer)
  }
}
