import { ParseStatus } from '@assay/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseDecimal28_10 } from '../src/decimal.js'
import { unscaled } from './rows.js'

const UNTOUCHED = 0x55

/** Parses between other digits, which must not count, into the second of three rows. */
function parse(text: string): { status: number; value: bigint; rest: number[] } {
  const bytes = Buffer.from(text)
  const source = new Uint8Array(bytes.length + 4).fill(0x39)
  source.set(bytes, 2)
  const data = new Uint8Array(48).fill(UNTOUCHED)
  const status = parseDecimal28_10(source, 2, 2 + bytes.length, new Int32Array(data.buffer), 1)
  return { status, value: unscaled(data, 1), rest: [...data.slice(0, 16), ...data.slice(32)] }
}

/** The decimal of a text by regular expression and big integers. */
function reference(text: string): { status: number; value?: bigint } {
  if (text === '') return { status: ParseStatus.missing }
  const match = /^(-?)([0-9]+)(?:\.([0-9]+))?$/.exec(text)
  if (!match) return { status: ParseStatus.malformed }
  const whole = (match[2] ?? '').replace(/^0+/, '')
  const fraction = (match[3] ?? '').replace(/0+$/, '')
  if (whole.length > 18 || fraction.length > 10) return { status: ParseStatus.not_representable }
  const value = BigInt(whole + fraction.padEnd(10, '0'))
  return { status: ParseStatus.ok, value: match[1] ? -value : value }
}

function check(text: string): void {
  const parsed = parse(text)
  const expected = reference(text)
  expect({ text, status: parsed.status }).toEqual({ text, status: expected.status })
  if (expected.value !== undefined) expect({ text, value: parsed.value }).toEqual({ text, value: expected.value })
  expect(parsed.rest.every((byte) => byte === UNTOUCHED)).toBe(true)
}

describe('S3: decimals are exact or refused', () => {
  test('T13: the values that break plausible parsers', () => {
    const status = (text: string): number => parse(text).status
    for (const text of [
      '1_000.5',
      ' 12 ',
      '1e-30',
      'NaN',
      'Infinity',
      '+1',
      '1.',
      '.5',
      '-',
      '-.5',
      '.',
      '1.2.3',
      '--1',
      '1,5',
      '0x1',
      '١',
    ]) {
      expect([text, status(text)]).toEqual([text, ParseStatus.malformed])
    }
    expect(status('0.0000000000000000001')).toBe(ParseStatus.not_representable)
    expect(status('1'.repeat(40))).toBe(ParseStatus.not_representable)
    expect(status(`${'1'.repeat(40)}x`)).toBe(ParseStatus.malformed)
    expect(status('')).toBe(ParseStatus.missing)
    expect(parse('12345678901.5')).toMatchObject({ status: ParseStatus.ok, value: 123_456_789_015_000_000_000n })
  })

  test('the limits, with zeros that do not count', () => {
    const most = `${'9'.repeat(18)}.${'9'.repeat(10)}`
    expect(parse(most).value).toBe(10n ** 28n - 1n)
    expect(parse(`-${most}`).value).toBe(1n - 10n ** 28n)
    expect(parse(`${'0'.repeat(50)}${most}${'0'.repeat(50)}`).value).toBe(10n ** 28n - 1n)
    expect(parse(`1${'0'.repeat(18)}`).status).toBe(ParseStatus.not_representable)
    expect(parse('1.00000000001').status).toBe(ParseStatus.not_representable)
    const zeros = Array.from({ length: 61 }, (_, i) => '0'.repeat(i))
    for (const text of zeros
      .flatMap((more) => [`0${more}`, `0.0${more}`, `${more}0.0`])
      .flatMap((zero) => [zero, `-${zero}`]))
      expect({ text, ...parse(text) }).toMatchObject({ text, status: ParseStatus.ok, value: 0n })
  })

  test('each value is written into its own row, small and wide', () => {
    const texts = ['1.5', '-123456789012345678.5', '0', '123456789012345678', '-2']
    const data = new Uint8Array(16 * texts.length)
    const words = new Int32Array(data.buffer)
    for (const [row, text] of texts.entries()) parseDecimal28_10(Buffer.from(text), 0, text.length, words, row)
    expect(texts.map((_, row) => unscaled(data, row))).toEqual(texts.map((text) => reference(text).value))
  })

  test('on both sides of 2^53 and of every word', () => {
    for (const power of [31, 32, 33, 52, 53, 54, 63, 64, 65, 92, 93]) {
      for (const near of [-1n, 0n, 1n]) {
        const digits = String(2n ** BigInt(power) + near).padStart(11, '0')
        const text = `${digits.slice(0, -10)}.${digits.slice(-10)}`
        check(text)
        check(`-${text}`)
      }
    }
  })

  test('any digits, against big integers', () => {
    const digits = (most: number): fc.Arbitrary<string> =>
      fc.oneof(
        fc.string({ unit: fc.constantFrom(...'0123456789', '0'), minLength: 1, maxLength: most }),
        fc.string({ unit: fc.constantFrom('0', '0', '0', '1'), minLength: 1, maxLength: 2 * most }),
      )
    fc.assert(
      fc.property(fc.constantFrom('', '-'), digits(22), fc.option(digits(14)), (sign, whole, fraction) => {
        check(`${sign}${whole}${fraction === null ? '' : `.${fraction}`}`)
      }),
      { numRuns: 5000 },
    )
  })

  test('any text, against a regular expression', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'0123.-+e_ '), maxLength: 12 }), check), {
      numRuns: 5000,
    })
  })
})
