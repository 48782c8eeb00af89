import type { Cursor, Problem } from './cursor.js'
import { DEPTH_MAX, ITEMS_MAX, VALUES_MAX } from './cursor.js'
import { Op, type Step } from './step.js'
import { describeType, type WriterType } from './writer-schema.js'

/** Why a body is no record of the reader's. */
export interface DecodeFailure {
  readonly kind: /** The whole record is null. */
    | 'null'
    /** Sound as far as it was read, but of a type that the reader doesn't take. */
    | 'incompatible'
    /** The bytes are not what the writer's schema says. */
    | 'damaged'
  /** Bytes of the body up to the value that can't be read. */
  readonly read: number
  readonly why: string
}

const PROBLEMS: Readonly<Record<Problem, string>> = {
  invalid: 'the bytes there are no such value',
  cut: 'the record ends before it does',
  items: `it claims more than ${ITEMS_MAX} items`,
  values: `it claims more than ${VALUES_MAX} values`,
  depth: `it is more than ${DEPTH_MAX} deep`,
}

/** The failure of a field that began `read` bytes into the body, as the cursor was left by it. */
export function fieldFailure(
  field: { readonly name: string; readonly type: WriterType; readonly wanted: string | undefined },
  step: Step,
  cursor: Cursor,
  bodyStart: number,
  fieldStart: number,
): DecodeFailure {
  const read = fieldStart - bodyStart
  const { problem } = cursor
  const branch = step.op === Op.union ? branchAt(step, cursor, fieldStart) : undefined
  if (branch !== undefined && step.children[branch]?.op === Op.refuse) {
    const found = describeType(field.type.children[branch] as WriterType)
    return { kind: 'incompatible', read, why: `field "${field.name}": found ${found}, wanted ${field.wanted}` }
  }
  const type = describeType(field.type)
  return { kind: 'damaged', read, why: `field "${field.name}" (${type}): ${PROBLEMS[problem]}` }
}

/** Which branch of the union the bytes name; undefined for none. */
function branchAt(step: Step, cursor: Cursor, fieldStart: number): number | undefined {
  cursor.at = fieldStart
  return cursor.index(step.children.length) ? cursor.low : undefined
}
