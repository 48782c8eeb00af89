import type { Cursor } from './cursor.js'
import type { WriterType } from './writer-schema.js'

/**
 * Characters of JSON for a record: twice its bytes, so that a few bytes never claim many, and something in any case.
 */
const CHARACTERS_MIN = 1024
const CHARACTERS_PER_BYTE = 2
/** Longer ones are shown as bytes: making their digits would cost more than reading them. */
const DECIMAL_BYTES_MAX = 64
const SCALE_MAX = 64

/**
 * The fields `wanted` (by their index) of the record at the cursor, as the text of a JSON object. The bytes must be a
 * record that was decoded before, so that all limits hold.
 */
export function extraFields(record: WriterType, wanted: readonly number[], cursor: Cursor): string {
  const writer = new JsonWriter(cursor)
  const parts: string[] = []
  const omitted: string[] = []
  for (const [index, type] of record.children.entries()) {
    const name = JSON.stringify(record.names[index])
    if (!wanted.includes(index)) writer.skip(type)
    else {
      const value = writer.value(type)
      if (value === undefined) omitted.push(name)
      else parts.push(`${name}:${value}`)
    }
  }
  if (omitted.length > 0) parts.push(`"_omitted":[${omitted.join(',')}]`)
  return `{${parts.join(',')}}`
}

class JsonWriter {
  readonly #cursor: Cursor
  #left: number
  #parts: string[] = []

  constructor(cursor: Cursor) {
    this.#cursor = cursor
    this.#left = Math.max(CHARACTERS_MIN, CHARACTERS_PER_BYTE * (cursor.end - cursor.at))
  }

  /** The next value as JSON; undefined, and read all the same, when it is longer than what is left. */
  value(type: WriterType): string | undefined {
    const before = this.#left
    this.#parts = []
    this.#write(type)
    if (this.#left >= 0) return this.#parts.join('')
    this.#left = before
    return undefined
  }

  skip(type: WriterType): void {
    const before = this.#left
    this.#left = -1
    this.#write(type)
    this.#left = before
  }

  /** Adds a value; keeps nothing once the limit is passed. */
  #put(text: string): void {
    this.#left -= text.length
    if (this.#left >= 0) this.#parts.push(text)
  }

  get #isFull(): boolean {
    return this.#left < 0
  }

  #write(type: WriterType): void {
    switch (type.kind) {
      case 'union':
        this.#cursor.index(type.children.length)
        this.#write(type.children[this.#cursor.low] as WriterType)
        break
      case 'record':
        this.#record(type)
        break
      case 'array':
      case 'map':
        this.#blocks(type)
        break
      default:
        this.#put(this.#scalar(type))
    }
  }

  #scalar(type: WriterType): string {
    const cursor = this.#cursor
    switch (type.kind) {
      case 'boolean':
        cursor.boolean()
        return cursor.low === 1 ? 'true' : 'false'
      case 'int':
      case 'long':
        cursor.long()
        return longText(cursor.low, cursor.high)
      case 'float':
        cursor.float()
        return numberText(cursor.number)
      case 'double':
        cursor.double()
        return numberText(cursor.number)
      case 'string':
        cursor.span()
        return this.#isFull ? '' : this.#text()
      case 'bytes':
        cursor.span()
        return this.#isFull ? '' : bytesText(type, this.#span())
      case 'fixed':
        cursor.fixed(type.size)
        return this.#isFull ? '' : bytesText(type, this.#span())
      case 'enum':
        cursor.index(type.names.length)
        return JSON.stringify(type.names[cursor.low] ?? '')
      default:
        return 'null'
    }
  }

  #record(type: WriterType): void {
    this.#put('{')
    for (const [index, field] of type.children.entries()) {
      this.#put(`${index === 0 ? '' : ','}${JSON.stringify(type.names[index])}:`)
      this.#write(field)
    }
    this.#put('}')
  }

  #blocks(type: WriterType): void {
    const cursor = this.#cursor
    const isMap = type.kind === 'map'
    const item = type.children[0] as WriterType
    let isFirst = true
    this.#put(isMap ? '{' : '[')
    while (cursor.block() && cursor.low > 0) {
      for (let count = cursor.low; count > 0; count--) {
        if (!isFirst) this.#put(',')
        isFirst = false
        if (isMap) {
          cursor.span()
          if (!this.#isFull) this.#put(`${this.#text()}:`)
        }
        this.#write(item)
      }
    }
    this.#put(isMap ? '}' : ']')
  }

  #span(): Uint8Array {
    return this.#cursor.bytes.subarray(this.#cursor.spanStart, this.#cursor.at)
  }

  #text(): string {
    return JSON.stringify(new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.#span()))
  }
}

function longText(low: number, high: number): string {
  if (high === low >> 31) return String(low)
  return String((BigInt(high) << 32n) | BigInt(low >>> 0))
}

/** JSON has no NaN and no infinities. */
function numberText(value: number): string {
  return Number.isFinite(value) ? String(value) : `"${value}"`
}

/** A decimal as the text of its digits, all other bytes in hexadecimal. */
function bytesText({ logical }: WriterType, bytes: Uint8Array): string {
  const scale = Number(/^decimal\(\d+,(\d+)\)$/.exec(logical)?.[1] ?? Number.NaN)
  const hex = Buffer.from(bytes).toString('hex')
  if (!(scale <= SCALE_MAX) || bytes.length === 0 || bytes.length > DECIMAL_BYTES_MAX) return `"${hex}"`
  return `"${decimalText(BigInt.asIntN(8 * bytes.length, BigInt(`0x${hex}`)), scale)}"`
}

function decimalText(unscaled: bigint, scale: number): string {
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  const point = digits.length - scale
  const text = scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`
  return unscaled < 0n ? `-${text}` : text
}
