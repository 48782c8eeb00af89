import type { Slot } from './columns.js'
import { type Cursor, DEPTH_MAX } from './cursor.js'

/** What to do with the next value of the writer's bytes. */
export const Op = {
  /** Never valid: a union's branch that the reader can't take. */
  refuse: 0,
  null: 1,
  boolean: 2,
  int: 3,
  long: 4,
  float: 5,
  double: 6,
  /** An int or long that the reader takes as a float (rounded to 32 bits) or a double. */
  longAsFloat: 7,
  longAsDouble: 8,
  intAsFloat: 9,
  intAsDouble: 10,
  text: 11,
  bytes: 12,
  union: 13,
  fixed: 14,
  enum: 15,
  array: 16,
  map: 17,
  record: 18,
} as const

/**
 * One value of the writer's schema. All steps have one shape, so that the loop over them stays fast.
 * `children` may close a circle: recursive schemas are data, recursion is cut by the record's depth.
 */
export interface Step {
  readonly op: (typeof Op)[keyof typeof Op]
  /** The slot that gets the value: the reader's column, or the last slot for a value that is only skipped. */
  readonly slot: number
  /** Size of a fixed, number of an enum's symbols. */
  readonly size: number
  /** Branches of a union, fields of a record, the item of an array or map. */
  readonly children: Step[]
}

export function step(op: Step['op'], slot: number, size = 0): Step {
  return { op, slot, size, children: [] }
}

/** Takes one value from the cursor into its column; false when the bytes are not such a value. */
export function take(step: Step, cursor: Cursor, slots: readonly Slot[], row: number, depth: number): boolean {
  switch (step.op) {
    case Op.text:
      if (!cursor.text()) return false
      putSpan(slots[step.slot] as Slot, row, cursor)
      return true
    case Op.long:
      if (!cursor.long()) return false
      putLong(slots[step.slot] as Slot, row, cursor)
      return true
    case Op.int:
      if (!cursor.int()) return false
      putLong(slots[step.slot] as Slot, row, cursor)
      return true
    case Op.boolean:
      if (!cursor.boolean()) return false
      putNumber(slots[step.slot] as Slot, row, cursor.low)
      return true
    case Op.union:
      if (!cursor.index(step.children.length)) return false
      return take(step.children[cursor.low] as Step, cursor, slots, row, depth)
    case Op.null:
      return true
    case Op.bytes:
      if (!cursor.span()) return false
      putSpan(slots[step.slot] as Slot, row, cursor)
      return true
    case Op.float:
      if (!cursor.float()) return false
      putNumber(slots[step.slot] as Slot, row, cursor.number)
      return true
    case Op.double:
      if (!cursor.double()) return false
      putNumber(slots[step.slot] as Slot, row, cursor.number)
      return true
    case Op.longAsFloat:
    case Op.longAsDouble:
    case Op.intAsFloat:
    case Op.intAsDouble:
      return takePromoted(step, cursor, slots, row)
    case Op.refuse:
      return false
    default:
      return skipNested(step, cursor, slots, row, depth)
  }
}

function takePromoted(step: Step, cursor: Cursor, slots: readonly Slot[], row: number): boolean {
  const narrow = step.op === Op.intAsFloat || step.op === Op.intAsDouble
  if (!(narrow ? cursor.int() : cursor.long())) return false
  const value = cursor.high * 2 ** 32 + (cursor.low >>> 0)
  const rounds = step.op === Op.longAsFloat || step.op === Op.intAsFloat
  putNumber(slots[step.slot] as Slot, row, rounds ? Math.fround(value) : value)
  return true
}

/** Values that no column can hold. */
function skipNested(step: Step, cursor: Cursor, slots: readonly Slot[], row: number, depth: number): boolean {
  switch (step.op) {
    case Op.fixed:
      return cursor.fixed(step.size)
    case Op.enum:
      return cursor.index(step.size)
    case Op.record:
      if (depth >= DEPTH_MAX) return cursor.refuse('depth')
      if (!cursor.spendValues(step.children.length)) return false
      for (const field of step.children) {
        if (!take(field, cursor, slots, row, depth + 1)) return false
      }
      return true
    default:
      return skipBlocks(step, cursor, slots, row, depth)
  }
}

function skipBlocks(step: Step, cursor: Cursor, slots: readonly Slot[], row: number, depth: number): boolean {
  if (depth >= DEPTH_MAX) return cursor.refuse('depth')
  const item = step.children[0] as Step
  const keyed = step.op === Op.map
  for (;;) {
    if (!cursor.block()) return false
    const count = cursor.low
    const blockEnd = cursor.blockEnd
    if (count === 0) return true
    for (let i = 0; i < count; i++) {
      if (keyed && !cursor.text()) return false
      if (!cursor.spendValues(1) || !take(item, cursor, slots, row, depth + 1)) return false
    }
    if (blockEnd !== -1 && cursor.at !== blockEnd) return false
  }
}

function putLong(slot: Slot, row: number, cursor: Cursor): void {
  slot.words[2 * row] = cursor.low
  slot.words[2 * row + 1] = cursor.high
  slot.nulls[row] = 0
}

function putSpan(slot: Slot, row: number, cursor: Cursor): void {
  slot.starts[row] = cursor.spanStart
  slot.ends[row] = cursor.at
  slot.nulls[row] = 0
}

function putNumber(slot: Slot, row: number, value: number): void {
  slot.numbers[row] = value
  slot.nulls[row] = 0
}
