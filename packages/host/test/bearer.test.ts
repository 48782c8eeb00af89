import { expect, test } from 'vitest'
import { bearerCheck } from '../src/http/bearer.js'

test('any of the tokens opens the door, and nothing else does', () => {
  const isKnown = bearerCheck(['first-token', 'second-token', 'third-token'])
  for (const token of ['first-token', 'second-token', 'third-token']) {
    expect(isKnown(`Bearer ${token}`)).toBe(true)
    expect(isKnown(`bearer   ${token}`)).toBe(true)
    for (const shown of [
      token,
      `Bearer ${token}x`,
      `Bearer ${token.slice(1)}`,
      `Basic ${token}`,
      `Bearer ${token} x`,
    ]) {
      expect(isKnown(shown)).toBe(false)
    }
  }
  for (const shown of [undefined, '', 'Bearer', 'Bearer ', `Bearer ${'x'.repeat(1_025)}`])
    expect(isKnown(shown)).toBe(false)
  expect(bearerCheck([])('Bearer ')).toBe(false)
})
