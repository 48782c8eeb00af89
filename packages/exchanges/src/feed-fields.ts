import { isLosslessNumber } from 'lossless-json'

/** A line longer than this is refused unread. */
export const LINE_CHARACTERS_MAX = 1 << 20

const SHOWN_CHARACTERS_MAX = 40

/**
 * Takes typed fields out of a parsed JSON object or array. The first field that is missing or of another type
 * is kept as `problem`, and stand-ins are returned from then on, so that callers read straight through and
 * ask once at the end.
 */
export class FeedFields {
  problem: string | undefined

  constructor(private readonly values: object) {}

  text(name: string | number, label = String(name)): string {
    const value = this.value(name)
    if (typeof value !== 'string') return this.refuse(label, 'a text', value, '')
    if (/\p{Surrogate}/u.test(value)) return this.refuse(label, 'well-formed text', value, '')
    return value
  }

  boolean(name: string | number, label = String(name)): boolean {
    const value = this.value(name)
    return typeof value === 'boolean' ? value : this.refuse(label, 'true or false', value, false)
  }

  /** Null where the field is missing or null. */
  optionalBoolean(name: string | number): boolean | null {
    return (this.value(name) ?? null) === null ? null : this.boolean(name)
  }

  /** An integer that a double holds exactly. */
  safeInteger(name: string | number, label = String(name)): number {
    const value = this.value(name)
    const number = isLosslessNumber(value) ? integerOf(value.value) : value
    if (typeof number !== 'number' || !Number.isSafeInteger(number)) return this.refuse(label, 'an integer', value, 0)
    return number
  }

  /** A JSON number as plain digits, exactly as written but for an exponent. */
  decimal(name: string | number, label = String(name)): string {
    const value = this.value(name)
    const plain = isLosslessNumber(value) ? plainDecimal(value.value) : undefined
    return plain ?? this.refuse(label, 'a number', value, '')
  }

  /** Own fields only: what a message puts on a prototype is no field. */
  private value(name: string | number): unknown {
    return Object.hasOwn(this.values, name) ? (this.values as Record<string | number, unknown>)[name] : undefined
  }

  private refuse<Value>(label: string, wanted: string, found: unknown, standIn: Value): Value {
    this.problem ??= `field ${label}: ${wanted} is expected, found ${shown(found)}`
    return standIn
  }
}

/** A value as messages show it: its beginning, or its type. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return String(value)
  if (isLosslessNumber(value)) return cut(value.value)
  if (typeof value === 'string') return JSON.stringify(cut(value))
  return Array.isArray(value) ? 'an array' : 'an object'
}

function cut(text: string): string {
  return text.length <= SHOWN_CHARACTERS_MAX ? text : `${text.slice(0, SHOWN_CHARACTERS_MAX)}…`
}

function integerOf(text: string): number | undefined {
  return /^-?\d{1,16}$/.test(text) ? Number(text) : undefined
}

/** Undefined where writing out the exponent would take more than 40 zeros. */
function plainDecimal(text: string): string | undefined {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text)
  if (!match) return undefined
  const [, sign = '', whole = '', fraction = '', exponent] = match
  if (exponent === undefined) return text
  const shift = Number(exponent)
  if (Math.abs(shift) > 40) return undefined
  const digits = whole + fraction
  const point = whole.length + shift
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  if (point >= digits.length) return sign + digits.padEnd(point, '0')
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
}

/** Gives the clock's µs, or one more than the last when the clock has not moved on. */
export function strictlyIncreasing(now_us: () => bigint): () => bigint {
  let last = -1n
  return () => {
    const now = now_us()
    last = now > last ? now : last + 1n
    return last
  }
}
