import { AssayError } from '@assay/core'
import { type Primitive, readerPlan } from './reader-plan.js'

/** A field's column. Row `i` is null when `nulls[i] === 1`; the data under a null is zero. */
export type DecodedField =
  /** int and long. `words` is a view of the same memory: low and high half of each value. */
  | { readonly kind: 'long'; readonly data: BigInt64Array; readonly words: Int32Array; readonly nulls: Uint8Array }
  /** float and double; NaN and infinities are values like others here. */
  | { readonly kind: 'double'; readonly data: Float64Array; readonly nulls: Uint8Array }
  | { readonly kind: 'boolean'; readonly data: Uint8Array; readonly nulls: Uint8Array }
  /** string (valid UTF-8) and bytes: row `i` is `source[starts[i] .. ends[i])`. */
  | { readonly kind: 'span'; readonly starts: Uint32Array; readonly ends: Uint32Array; readonly nulls: Uint8Array }

/** A batch of records as columns. Rows that were not decoded, or not successfully, are null everywhere. */
export interface DecodedColumns {
  /** What spans point into: the batch's values, followed by the schema's default texts if it has any. */
  readonly source: Uint8Array
  readonly count: number
  /** Where each decoded row's Avro body lies in `source`; 0 and 0 for a row that was not decoded. */
  readonly bodyStarts: Uint32Array
  readonly bodyEnds: Uint32Array
  readonly fields: Readonly<Record<string, DecodedField>>
  /** The same memory in the order of the reader's fields, with one more slot at the end: see `Slot`. */
  readonly slots: readonly Slot[]
}

/**
 * A column as the decoder writes it: one shape for all kinds, so that the hot loop stays monomorphic.
 * Buffers that the column's kind has no use for are empty, and the last slot of a batch has nothing but
 * such buffers: skipped values are written there, which JavaScript defines to do nothing.
 */
export interface Slot {
  readonly words: Int32Array
  readonly numbers: Float64Array | Uint8Array
  readonly starts: Uint32Array
  readonly ends: Uint32Array
  readonly nulls: Uint8Array
}

/**
 * Columns for `count` rows, all null, to be filled by decoders of the same reader schema.
 * `source` is the batch's shared value buffer; it is copied only if the schema has texts as defaults.
 * Throws `schema_invalid` and `schema_not_columnar`.
 */
export function newDecodedColumns(readerSchema: string, source: Uint8Array, count: number): DecodedColumns {
  const plan = readerPlan(readerSchema)
  const fields: Record<string, DecodedField> = Object.create(null)
  const slots = plan.fields.map(({ name, primitive }) => {
    const field = newField(primitive, count)
    fields[name] = field
    return slotOf(field)
  })
  return {
    source: plan.defaultBytes.length === 0 ? source : Buffer.concat([source, plan.defaultBytes]),
    count,
    bodyStarts: new Uint32Array(count),
    bodyEnds: new Uint32Array(count),
    fields,
    slots: [...slots, NOWHERE],
  }
}

/** The column of a field that the schema is known to have with that kind. Throws `no_such_field`. */
export function decodedField<Kind extends DecodedField['kind']>(
  columns: DecodedColumns,
  name: string,
  kind: Kind,
): Extract<DecodedField, { kind: Kind }> {
  const field = columns.fields[name]
  if (field?.kind !== kind) {
    throw new AssayError('no_such_field', `the decoded columns have no ${kind} field "${name}"`, {
      hint: 'the reader schema and the code that reads its columns must name the same fields',
    })
  }
  return field as Extract<DecodedField, { kind: Kind }>
}

function newField(primitive: Primitive, count: number): DecodedField {
  const nulls = new Uint8Array(count).fill(1)
  switch (primitive) {
    case 'int':
    case 'long': {
      const data = new BigInt64Array(count)
      return { kind: 'long', data, words: new Int32Array(data.buffer), nulls }
    }
    case 'float':
    case 'double':
      return { kind: 'double', data: new Float64Array(count), nulls }
    case 'boolean':
      return { kind: 'boolean', data: new Uint8Array(count), nulls }
    case 'string':
    case 'bytes':
      return { kind: 'span', starts: new Uint32Array(count), ends: new Uint32Array(count), nulls }
  }
}

const NOWHERE: Slot = {
  words: new Int32Array(0),
  numbers: new Uint8Array(0),
  starts: new Uint32Array(0),
  ends: new Uint32Array(0),
  nulls: new Uint8Array(0),
}

/** Slots for so many fields that keep nothing. */
export function emptySlots(fields: number): readonly Slot[] {
  return Array.from({ length: fields + 1 }, () => NOWHERE)
}

function slotOf(field: DecodedField): Slot {
  switch (field.kind) {
    case 'long':
      return { ...NOWHERE, words: field.words, nulls: field.nulls }
    case 'double':
    case 'boolean':
      return { ...NOWHERE, numbers: field.data, nulls: field.nulls }
    case 'span':
      return { ...NOWHERE, starts: field.starts, ends: field.ends, nulls: field.nulls }
  }
}

/** Makes a row null again, whatever a decoder had written of it. */
export function clearRow(columns: DecodedColumns, row: number): void {
  columns.bodyStarts[row] = 0
  columns.bodyEnds[row] = 0
  for (const slot of columns.slots) {
    slot.nulls[row] = 1
    slot.words[2 * row] = 0
    slot.words[2 * row + 1] = 0
    slot.numbers[row] = 0
    slot.starts[row] = 0
    slot.ends[row] = 0
  }
}
