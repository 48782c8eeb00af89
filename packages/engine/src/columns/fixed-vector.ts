import type { Column, DictionaryColumn, SpanColumn } from '@assay/core'
import duckdb, { type Vector } from '@duckdb/node-bindings'
import { DECIMAL_WIDTH } from './column-types.js'
import { badColumn } from './string-vector.js'

type FixedWidth = Exclude<Column, SpanColumn | DictionaryColumn>
type WriteRows = (vector: Vector, from: number, count: number) => void

/** Copies rows of a fixed-width column into a vector. */
export function fixedWriter(column: FixedWidth, rowsMax: number): WriteRows {
  switch (column.type) {
    case 'UUID':
      return uuidWriter(column.data, rowsMax)
    case 'DECIMAL':
      return decimalWriter(column.data, column.nulls, rowsMax)
    case 'BOOLEAN':
      return (vector, from, count) => {
        const booleans = checkedBooleans(column.data.subarray(from, from + count), column.nulls?.subarray(from))
        copyRows(vector, booleans, 1, 0, count)
      }
    default: {
      const { data } = column
      return (vector, from, count) => copyRows(vector, data, data.BYTES_PER_ELEMENT, from, count)
    }
  }
}

function copyRows(vector: Vector, data: ArrayBufferView, width: number, from: number, count: number): void {
  const buffer = data.buffer
  if (!(buffer instanceof ArrayBuffer)) throw badColumn('a column lies in shared memory')
  duckdb.copy_data_to_vector(vector, 0, buffer, data.byteOffset + from * width, count * width)
}

/** A byte other than 0 and 1 would be neither true nor false to DuckDB. Where a row is null, its byte means nothing. */
function checkedBooleans(data: Uint8Array, nulls: Uint8Array | undefined): Uint8Array {
  let all = 0
  for (let i = 0; i < data.length; i++) all |= data[i] as number
  if (all <= 1) return data
  return data.map((byte, i) => {
    if (nulls?.[i] === 1) return 0
    if (byte > 1) throw badColumn('a boolean is neither 0 nor 1')
    return byte
  })
}

/** DuckDB keeps a UUID as a signed 128-bit integer, with its top bit turned over so that it sorts as bytes do. */
function uuidWriter(data: Uint8Array, rowsMax: number): WriteRows {
  const scratch = new Uint8Array(rowsMax * 16)
  return (vector, from, count) => {
    reverseUuids(data, from * 16, scratch, count)
    copyRows(vector, scratch, 16, 0, count)
  }
}

function reverseUuids(source: Uint8Array, at: number, target: Uint8Array, count: number): void {
  for (let i = 0, s = at, t = 0; i < count; i++, s += 16, t += 16) {
    for (let k = 0; k < 16; k++) target[t + k] = source[s + 15 - k] as number
    target[t + 15] = (target[t + 15] as number) ^ 0x80
  }
}

const DECIMAL_LIMIT = 10n ** BigInt(DECIMAL_WIDTH)
/** Bits 64 … 95 of the limit: below it (or above its complement) a value is inside without a closer look. */
const LIMIT_WORD_2 = Number(DECIMAL_LIMIT >> 64n)
const NEGATIVE_LIMIT_WORD_2 = 0xffffffff - LIMIT_WORD_2

function decimalWriter(data: Uint8Array, nulls: Uint8Array | undefined, rowsMax: number): WriteRows {
  const bytes = new Uint8Array(rowsMax * 16)
  const words = new Uint32Array(bytes.buffer)
  return (vector, from, count) => {
    bytes.set(data.subarray(from * 16, (from + count) * 16))
    for (let i = 0, w = 0; i < count; i++, w += 4) {
      const word2 = words[w + 2] as number
      const word3 = words[w + 3] as number
      const isInside = (word3 === 0 && word2 < LIMIT_WORD_2) || (word3 === 0xffffffff && word2 > NEGATIVE_LIMIT_WORD_2)
      if (!isInside && !nulls?.[from + i]) assertDecimal(bytes, i * 16, from + i)
    }
    copyRows(vector, bytes, 16, 0, count)
  }
}

function assertDecimal(bytes: Uint8Array, at: number, row: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 16)
  const value = (view.getBigInt64(8, true) << 64n) | view.getBigUint64(0, true)
  if (value >= DECIMAL_LIMIT || value <= -DECIMAL_LIMIT) {
    throw badColumn(`row ${row} has a decimal of more than ${DECIMAL_WIDTH} digits`)
  }
}
