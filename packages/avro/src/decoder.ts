import { clearRow, type DecodedColumns, type Slot } from './columns.js'
import { Cursor } from './cursor.js'
import { type ReaderField, readerPlan } from './reader-plan.js'
import { resolve } from './resolve.js'
import { parseRecordSchema } from './schema.js'
import { type Step, take } from './step.js'

/** Decodes records of one writer schema into columns of one reader schema. */
export interface ColumnDecoder {
  /**
   * Decodes the Avro body `source[start .. end)` into row `row` of columns made by `newDecodedColumns`
   * with the same reader schema and source. False when the body is not exactly one valid record within
   * the limits on depth, items and values; the row is then null. Never throws; the time is bounded by the
   * body's length and those limits.
   */
  decode(source: Uint8Array, start: number, end: number, row: number, out: DecodedColumns): boolean
}

/**
 * Throws `schema_invalid`, `schema_not_columnar` (reader) and `schema_incompatible`, which names the field
 * and the difference.
 */
export function compileColumnDecoder(writerSchema: string, readerSchema: string): ColumnDecoder {
  const reader = readerPlan(readerSchema)
  const { steps, defaulted } = resolve(parseRecordSchema(writerSchema), reader)
  const cursor = new Cursor()

  const decodeBody = (out: DecodedColumns, row: number): boolean => {
    for (let i = 0; i < steps.length; i++) {
      if (!take(steps[i] as Step, cursor, out.slots, row, 1)) return false
    }
    return cursor.at === cursor.end
  }

  return {
    decode(source, start, end, row, out) {
      if (!(start >= 0 && start <= end && end <= source.length)) return false
      cursor.open(source, start, end)
      if (!decodeBody(out, row)) {
        clearRow(out, row)
        return false
      }
      out.bodyStarts[row] = start
      out.bodyEnds[row] = end
      for (const column of defaulted) {
        putDefault(reader.fields[column] as ReaderField, out.slots[column] as Slot, row, source.length)
      }
      return true
    },
  }
}

function putDefault({ default: value }: ReaderField, slot: Slot, row: number, textsStart: number): void {
  switch (value.kind) {
    case 'none':
    case 'null':
      return
    case 'long':
      slot.words[2 * row] = Number(BigInt.asIntN(32, value.value))
      slot.words[2 * row + 1] = Number(value.value >> 32n)
      break
    case 'double':
      slot.numbers[row] = value.value
      break
    case 'boolean':
      slot.numbers[row] = value.value ? 1 : 0
      break
    case 'span':
      slot.starts[row] = textsStart + value.start
      slot.ends[row] = textsStart + value.end
      break
  }
  slot.nulls[row] = 0
}
