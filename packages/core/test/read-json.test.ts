import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { readJson } from '../src/index.js'

describe('readJson', () => {
  it('S6: refuses what nests deeply before it is parsed: a parser would take seconds', () => {
    const deep = 1_000_000
    const parse = vi.spyOn(JSON, 'parse')
    try {
      expect(() => readJson('['.repeat(deep) + ']'.repeat(deep))).toThrow(SyntaxError)
      expect(() => readJson(`${'{"a":'.repeat(deep)}1${'}'.repeat(deep)}`)).toThrow(SyntaxError)
      expect(parse).not.toHaveBeenCalled()
    } finally {
      parse.mockRestore()
    }
  })

  it('S6: takes what does not, whatever its texts hold', () => {
    const padded = fc.json({ maxDepth: 5 }).map((text) => `${text}${' '.repeat(5_000)}`)
    fc.assert(
      fc.property(padded, (text) => {
        expect(readJson(text)).toEqual(JSON.parse(text))
      }),
      { numRuns: 20 },
    )
    const brackets = `"${'[{\\"'.repeat(2_000)}"`
    expect(readJson(brackets)).toBe(JSON.parse(brackets))
    expect(readJson(`[${'[{}],'.repeat(2_000)}1]`)).toHaveLength(2_001)
  })

  it('counts levels, not brackets', () => {
    const nested = (depth: number): string => `${'['.repeat(depth)}"${'x'.repeat(5_000)}"${']'.repeat(depth)}`
    expect(() => readJson(nested(101))).toThrow('values nest more than 100 deep')
    expect(() => readJson(nested(100))).not.toThrow()
    expect(() => readJson(nested(101), 101)).not.toThrow()
  })
})
