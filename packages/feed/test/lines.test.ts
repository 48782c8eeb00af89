import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { chunksOf } from '../../../tests/support/parts.js'
import { LINE_BYTES_MAX, type Line, readLines, untilAborted } from '../src/lines.js'

async function linesOf(text: string | Uint8Array, size_bytes = 7): Promise<Line[]> {
  const lines: Line[] = []
  for await (const some of readLines(chunksOf(text, size_bytes))) lines.push(...some)
  return lines
}

describe('lines', () => {
  test('are the same wherever the chunks are cut', async () => {
    const texts = fc.array(fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\n', ' ')))
    await fc.assert(
      fc.asyncProperty(texts, fc.integer({ min: 1, max: 9 }), async (parts, size_bytes) => {
        const lines = await linesOf(parts.join('\n'), size_bytes)
        const expected = parts
          .map((part, i) => ({ kind: 'text', number: i + 1, text: i === 0 ? part.replace(/^\uFEFF/, '') : part }))
          .filter(({ text }) => text.trim() !== '')
        expect(lines).toEqual(expected)
      }),
    )
  })

  test('blank ones are left out and still counted, and a byte order mark is no part of the first', async () => {
    expect(await linesOf('\uFEFFa\r\n\n \t\r\nb')).toEqual([
      { kind: 'text', number: 1, text: 'a\r' },
      { kind: 'text', number: 4, text: 'b' },
    ])
  })

  test('one that is not UTF-8 is told, not altered', async () => {
    const bytes = Buffer.concat([Buffer.from('a\n'), Buffer.from([0x22, 0xff, 0x22, 0x0a]), Buffer.from('b\n')])
    expect(await linesOf(bytes)).toEqual([
      { kind: 'text', number: 1, text: 'a' },
      { kind: 'unreadable', number: 2, reason: 'the line is not UTF-8' },
      { kind: 'text', number: 3, text: 'b' },
    ])
  })

  test('A6: one without an end is not kept in memory', async () => {
    const endless = Buffer.alloc(LINE_BYTES_MAX + 2, 0x61)
    const lines = await linesOf(Buffer.concat([endless, Buffer.from('\nb')]), 65_536)
    expect(lines).toEqual([
      { kind: 'unreadable', number: 1, reason: `the line is longer than ${LINE_BYTES_MAX} bytes` },
      { kind: 'text', number: 2, text: 'b' },
    ])
  })

  test('A7: reading ends on abort although the input is silent', async () => {
    async function* silent(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('a\n')
      await new Promise(() => undefined)
    }
    const stop = new AbortController()
    const lines: Line[] = []
    for await (const some of readLines(untilAborted(silent(), stop.signal))) {
      lines.push(...some)
      setTimeout(() => stop.abort(), 5)
    }
    expect(lines).toEqual([{ kind: 'text', number: 1, text: 'a' }])
  })
})
