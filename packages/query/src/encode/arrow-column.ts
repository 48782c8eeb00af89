import { type IntervalValue, type PlainValue, tooWide, type ValueType } from '@assay/engine'
import type { DataType } from '@uwdata/flechette'
import { arrowTypeOf, WIDE_INTEGER_DIGITS } from './arrow-type.js'

/** The buffers of some values of a column, as the format lays them out; what flechette's encoder takes of a batch. */
export interface ArrowColumn {
  readonly type: DataType
  readonly length: number
  readonly nullCount: number
  /** A bit a value, set where there is one; empty when there is no null. */
  readonly validity: Uint8Array
  readonly values?: ArrayBufferView
  readonly offsets?: Int32Array
  readonly children?: readonly ArrowColumn[]
}

type Values = readonly PlainValue[]
type Fixed = { readonly values: ArrayBufferView }

/** Flechette's own builders take decimals and times as doubles: the buffers are filled here. */
export function arrowColumn(values: Values, type: ValueType): ArrowColumn {
  const { validity, nullCount } = validityOf(values)
  return { type: arrowTypeOf(type), length: values.length, nullCount, validity, ...buffersOf(values, type) }
}

function validityOf(values: Values): { readonly validity: Uint8Array; readonly nullCount: number } {
  const validity = new Uint8Array(Math.ceil(values.length / 8))
  let nullCount = 0
  values.forEach((value, i) => {
    if (value === null) nullCount++
    else validity[i >> 3] = (validity[i >> 3] as number) | (1 << (i & 7))
  })
  return nullCount === 0 ? { validity: new Uint8Array(0), nullCount } : { validity, nullCount }
}

function buffersOf(values: Values, type: ValueType): Pick<ArrowColumn, 'values' | 'offsets' | 'children'> {
  switch (type.kind) {
    case 'boolean':
      return bits(values)
    case 'integer':
      return integers(values, type.bits, type.isSigned)
    case 'float':
      return numbers(values, type.bits === 32 ? Float32Array : Float64Array)
    case 'decimal':
      return wide(values, undefined)
    case 'date':
      return numbers(values, Int32Array)
    case 'time':
    case 'timestamp':
      return longs(values, BigInt64Array)
    case 'interval':
      return intervals(values)
    case 'blob':
      return bytes(values, (value) => value as Uint8Array)
    case 'text':
      return bytes(values, (value) => Buffer.from(value as string))
    case 'list':
      return lists(values, (items) => arrowColumn(items, type.item))
    case 'struct':
      return { children: type.fields.map((field, i) => arrowColumn(memberOf(values, i), field.type)) }
    case 'map':
      return lists(values, (pairs) => entries(pairs, type))
  }
}

function memberOf(values: Values, i: number): PlainValue[] {
  return values.map((value) => (value as Values | null)?.[i] ?? null)
}

function entries(pairs: Values, type: Extract<ValueType, { readonly kind: 'map' }>): ArrowColumn {
  const keys = arrowColumn(memberOf(pairs, 0), type.key)
  const items = arrowColumn(memberOf(pairs, 1), type.value)
  const { children } = arrowTypeOf(type) as DataType & { readonly children: readonly { readonly type: DataType }[] }
  const struct = children[0]?.type as DataType
  return { type: struct, length: pairs.length, nullCount: 0, validity: new Uint8Array(0), children: [keys, items] }
}

function bits(values: Values): Fixed {
  const set = new Uint8Array(Math.ceil(values.length / 8))
  values.forEach((value, i) => {
    if (value) set[i >> 3] = (set[i >> 3] as number) | (1 << (i & 7))
  })
  return { values: set }
}

const NARROW = {
  signed: { 8: Int8Array, 16: Int16Array, 32: Int32Array },
  unsigned: { 8: Uint8Array, 16: Uint16Array, 32: Uint32Array },
} as const

function integers(values: Values, width: 8 | 16 | 32 | 64 | 128, isSigned: boolean): Fixed {
  if (width === 128) return wide(values, 10n ** BigInt(WIDE_INTEGER_DIGITS))
  if (width === 64) return longs(values, isSigned ? BigInt64Array : BigUint64Array)
  return numbers(values, NARROW[isSigned ? 'signed' : 'unsigned'][width])
}

function numbers(values: Values, Numbers: new (length: number) => ArrayBufferView & { [i: number]: number }): Fixed {
  const data = new Numbers(values.length)
  values.forEach((value, i) => {
    if (value !== null) data[i] = value as number
  })
  return { values: data }
}

function longs(values: Values, Longs: new (length: number) => ArrayBufferView & { [i: number]: bigint }): Fixed {
  const data = new Longs(values.length)
  values.forEach((value, i) => {
    if (value !== null) data[i] = value as bigint
  })
  return { values: data }
}

/** 128 bits in two's complement, little-endian. Throws `value_too_wide` from `limit` on. */
function wide(values: Values, limit: bigint | undefined): Fixed {
  const data = new BigInt64Array(values.length * 2)
  values.forEach((value, i) => {
    if (value === null) return
    const integer = value as bigint
    if (limit !== undefined && (integer >= limit || integer <= -limit)) throw tooWide(String(integer))
    data[i * 2] = BigInt.asIntN(64, integer)
    data[i * 2 + 1] = integer >> 64n
  })
  return { values: data }
}

function intervals(values: Values): Fixed {
  const data = new DataView(new ArrayBuffer(values.length * 16))
  values.forEach((value, i) => {
    if (value === null) return
    const { months, days, time_us } = value as IntervalValue
    data.setInt32(i * 16, months, true)
    data.setInt32(i * 16 + 4, days, true)
    const time_ns = time_us * 1000n
    if (BigInt.asIntN(64, time_ns) !== time_ns) throw tooWide(`the interval ${(value as IntervalValue).text}`)
    data.setBigInt64(i * 16 + 8, time_ns, true)
  })
  return { values: data }
}

function bytes(values: Values, bytesOf: (value: PlainValue) => Uint8Array): Fixed & { readonly offsets: Int32Array } {
  const offsets = new Int32Array(values.length + 1)
  const pieces = values.map((value) => (value === null ? new Uint8Array(0) : bytesOf(value)))
  pieces.forEach((piece, i) => {
    offsets[i + 1] = (offsets[i] as number) + piece.length
  })
  return { values: Buffer.concat(pieces), offsets }
}

function lists(
  values: Values,
  itemsColumn: (items: Values) => ArrowColumn,
): Required<Pick<ArrowColumn, 'offsets' | 'children'>> {
  const offsets = new Int32Array(values.length + 1)
  const items: PlainValue[] = []
  values.forEach((value, i) => {
    if (value !== null) for (const item of value as Values) items.push(item)
    offsets[i + 1] = items.length
  })
  return { offsets, children: [itemsColumn(items)] }
}
