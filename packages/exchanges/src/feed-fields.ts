import { isLosslessNumber } from 'lossless-json'
import { type SymbolGrammar, visibleText } from './markets/symbol-text.js'

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

  /** A text that is written as the exchange writes symbols. */
  symbol(name: string | number, grammar: SymbolGrammar, label = String(name)): string {
    const text = this.text(name, label)
    if (this.problem === undefined && !grammar.test(text)) {
      this.problem = `field ${label}: a symbol has ${grammar.means}; found ${visibleText(text)}`
    }
    return text
  }

  boolean(name: string | number, label = String(name)): boolean {
    const value = this.value(name)
    return typeof value === 'boolean' ? value : this.refuse(label, 'true or false', value, false)
  }

  /** Null where the field is missing or null. */
  optionalBoolean(name: string | number): boolean | null {
    return (this.value(name) ?? null) === null ? null : this.boolean(name)
  }

  /** An integer of 64 bits; a bigint only where a double can't hold it. */
  integer(name: string | number, label = String(name)): number | bigint {
    const value = this.value(name)
    const number = isLosslessNumber(value) ? integerOf(value.value) : value
    if (typeof number === 'bigint' || (typeof number === 'number' && Number.isSafeInteger(number))) return number
    return this.refuse(label, 'an integer of 64 bits', value, 0)
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

function integerOf(text: string): number | bigint | undefined {
  if (!/^-?\d{1,19}$/.test(text)) return undefined
  const exact = BigInt(text)
  const number = Number(exact)
  if (Number.isSafeInteger(number)) return number
  return BigInt.asIntN(64, exact) === exact ? exact : undefined
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
