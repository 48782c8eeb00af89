import type { Slot } from './columns.js'
import { Op, type Step } from './step.js'

const Kind = { text: 0, long: 1, int: 2, boolean: 3 } as const
const KINDS: ReadonlyMap<Step['op'], number> = new Map<Step['op'], number>([
  [Op.text, Kind.text],
  [Op.long, Kind.long],
  [Op.int, Kind.int],
  [Op.boolean, Kind.boolean],
])

/**
 * Reads records of plain fields, as most are: texts, ints, longs and booleans, or a union of one of them with null. One
 * loop over the fields, in a third of the time of their steps.
 */
export class FlatRecord {
  /** An entry for each field of the writer's. */
  readonly #kinds: Uint8Array
  /** Of a union, the byte that stands for the branch with the value; -1 for a field that is no union. */
  readonly #branches: Int8Array
  /** The slot of each field; -1 for one that is skipped. */
  readonly #targets: Int32Array

  private constructor(kinds: Uint8Array, branches: Int8Array, targets: Int32Array) {
    this.#kinds = kinds
    this.#branches = branches
    this.#targets = targets
  }

  /** Undefined for a record with other fields. `skipped` is the slot that takes nothing. */
  static of(steps: readonly Step[], skipped: number): FlatRecord | undefined {
    const kinds = new Uint8Array(steps.length)
    const branches = new Int8Array(steps.length).fill(-1)
    const targets = Int32Array.from(steps, ({ slot }) => (slot === skipped ? -1 : slot))
    for (const [i, step] of steps.entries()) {
      const isUnion = step.op === Op.union
      const value = isUnion ? step.children.find(({ op }) => op !== Op.null) : step
      const kind = value && KINDS.get(value.op)
      if (kind === undefined || (isUnion && step.children.length !== 2)) return undefined
      // Whether a number fits is looked up where it was put.
      if (kind === Kind.int && targets[i] === -1) return undefined
      kinds[i] = kind
      // Zigzag: the branches 0 and 1 are the bytes 0 and 2. Both may be the value's, of which one is refused.
      if (isUnion && !step.children.some(({ op }) => op === Op.null)) return undefined
      if (isUnion) branches[i] = 2 * step.children.indexOf(value as Step)
    }
    return new FlatRecord(kinds, branches, targets)
  }

  /**
   * Reads the body `bytes[start .. end)` into a row. False where it is no such record, and where a value is out of the
   * ordinary (a text that is not ASCII or is very long, a number beyond 2^54): then the row is half written, and the body
   * is to be read by its steps, which decide.
   */
  take(bytes: Uint8Array, start: number, end: number, slots: readonly Slot[], row: number): boolean {
    const kinds = this.#kinds
    let at = start
    for (let i = 0; i < kinds.length; i++) {
      const branch = this.#branches[i] as number
      if (branch >= 0) {
        const found = at < end ? (bytes[at++] as number) : 1
        if (found !== 0 && found !== 2) return false
        if (found !== branch) continue
      }
      const target = this.#targets[i] as number
      const slot = target < 0 ? NOWHERE : (slots[target] as Slot)
      const kind = kinds[i] as number
      if (kind === Kind.text) at = takeText(bytes, at, end, slot, row)
      else if (kind === Kind.boolean) at = takeBoolean(bytes, at, end, slot, row)
      else at = takeLong(bytes, at, end, slot, row)
      if (at < 0) return false
      if (kind === Kind.int && slot.words[2 * row + 1] !== (slot.words[2 * row] as number) >> 31) return false
    }
    return at === end
  }
}

const NOWHERE: Slot = {
  words: new Int32Array(0),
  numbers: new Uint8Array(0),
  starts: new Uint32Array(0),
  ends: new Uint32Array(0),
  nulls: new Uint8Array(0),
}

/** The place behind the text; -1 for none, or one out of the ordinary. */
function takeText(bytes: Uint8Array, place: number, end: number, slot: Slot, row: number): number {
  if (place >= end) return -1
  let at = place + 1
  let length = bytes[place] as number
  if ((length & 1) === 1) return -1
  if (length >= 0x80) {
    const second = at < end ? (bytes[at++] as number) : 0x80
    if (second >= 0x80) return -1
    length = (length & 0x7f) | (second << 7)
  }
  const from = at
  at += length >>> 1
  if (at > end) return -1
  let all = 0
  for (let i = from; i < at; i++) all |= bytes[i] as number
  if (all >= 0x80) return -1
  if (slot !== NOWHERE) {
    slot.starts[row] = from
    slot.ends[row] = at
    slot.nulls[row] = 0
  }
  return at
}

/** The place behind the byte; -1 for none, or one that is neither true nor false. */
function takeBoolean(bytes: Uint8Array, place: number, end: number, slot: Slot, row: number): number {
  const value = place < end ? (bytes[place] as number) : 2
  if (value > 1) return -1
  if (slot !== NOWHERE) {
    slot.numbers[row] = value
    slot.nulls[row] = 0
  }
  return place + 1
}

/** The place behind the number; -1 for none, or one out of the ordinary. */
function takeLong(bytes: Uint8Array, place: number, end: number, slot: Slot, row: number): number {
  let at = place
  let first = 0
  let second = 0
  let byte = 0x80
  for (let shift = 0; shift < 28 && byte >= 0x80; shift += 7) {
    if (at >= end) return -1
    byte = bytes[at++] as number
    first |= (byte & 0x7f) << shift
  }
  for (let shift = 0; shift < 28 && byte >= 0x80; shift += 7) {
    if (at >= end) return -1
    byte = bytes[at++] as number
    second |= (byte & 0x7f) << shift
  }
  if (byte >= 0x80) return -1
  const sign = -(first & 1)
  const high = second >>> 4
  if (slot !== NOWHERE) {
    slot.words[2 * row] = (((first | (second << 28)) >>> 1) | (high << 31)) ^ sign
    slot.words[2 * row + 1] = (high >>> 1) ^ sign
    slot.nulls[row] = 0
  }
  return at
}
