import { ParseStatus } from '@assay/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EVENT_TIME_END_US, millisToMicros, parseSecondsText } from '../src/event-time.js'
import { secondsText, secondsTextMicros } from '../src/feed-time.js'

function ofMillis(time_ms: bigint): bigint | number {
  const data = new BigInt64Array(2)
  const low = Number(BigInt.asIntN(32, time_ms))
  const status = millisToMicros(low, Number(time_ms >> 32n), new Int32Array(data.buffer), 1)
  return status === ParseStatus.ok ? (data[1] as bigint) : status
}

function ofText(text: string): bigint | number {
  const data = new BigInt64Array(2)
  const source = Buffer.from(`9${text}9`)
  const status = parseSecondsText(source, 1, source.length - 1, new Int32Array(data.buffer), 1)
  return status === ParseStatus.ok ? (data[1] as bigint) : status
}

const END_MS = EVENT_TIME_END_US / 1000n

test('T13: ms become µs exactly, or are not representable', () => {
  for (const time_ms of [0n, 1n, 2n ** 31n, 2n ** 32n + 1n, 1_700_000_000_123n, END_MS - 1n])
    expect(ofMillis(time_ms)).toBe(time_ms * 1000n)
  for (const time_ms of [-1n, END_MS, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n])
    expect(ofMillis(time_ms)).toBe(ParseStatus.not_representable)
  fc.assert(fc.property(fc.bigInt(0n, END_MS - 1n), (time_ms) => ofMillis(time_ms) === time_ms * 1000n))
})

test('S3: seconds with microseconds are read to the last microsecond', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, EVENT_TIME_END_US - 1n), (time_us) => {
      const text = `${time_us / 1_000_000n}.${String(time_us % 1_000_000n).padStart(6, '0')}`
      expect(ofText(text)).toBe(time_us)
      expect(secondsTextMicros(text)).toBe(time_us)
    }),
    { numRuns: 2000 },
  )
  expect(ofText('1534614057.3')).toBe(1_534_614_057_300_000n)
  expect(ofText('1534614057')).toBe(1_534_614_057_000_000n)
  expect(ofText('0001.5')).toBe(1_500_000n)
})

test.each(['1.', '.5', '1.1234567', 'x', '1.2x', '1e9', ' 1.0', '1.0 ', '+1.0', '1.2.3', '1,5', '-', '--1'])(
  'the time "%s" is malformed',
  (text) => {
    expect(ofText(text)).toBe(ParseStatus.malformed)
  },
)

test.each(['-1.5', '9214646400.000000', '9223372036854.775807', '9'.repeat(400)])(
  'the time "%.30s" is not representable',
  (text) => {
    expect(ofText(text)).toBe(ParseStatus.not_representable)
  },
)

test('no time at all is missing', () => {
  expect(ofText('')).toBe(ParseStatus.missing)
})

test('RFC 3339 times become seconds and microseconds, or nothing', () => {
  expect(secondsText('2025-11-10T17:23:53.971744Z')).toBe('1762795433.971744')
  expect(secondsText('2025-11-10T17:23:53Z')).toBe('1762795433.000000')
  expect(secondsText('1970-01-01T00:00:00.5Z')).toBe('0.500000')
  for (const text of [
    '2025-02-30T00:00:00Z',
    '2025-13-01T00:00:00Z',
    '2025-11-10T24:00:00Z',
    '2025-11-10T17:23:53.1234567Z',
    '2025-11-10',
    '1969-12-31T23:59:59Z',
    '2025-11-10T17:23:53+01:00',
  ]) {
    expect(secondsText(text)).toBeUndefined()
  }
})
