import { UsageError } from '@assay/core'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeFrame, type Frame, FrameReader, PAYLOAD_BYTES_MAX } from '../src/protocol/frames.js'
import { decodeMessage, encodeMessage, receivedError, sentError, type ToChild } from '../src/protocol/messages.js'

describe('frames', () => {
  test('T29: come out as they went in, however the pipe cuts them, and a cut one never comes out', () => {
    const frame = fc.record({
      kind: fc.constantFrom('message' as const, 'bytes' as const),
      payload: fc.uint8Array({ maxLength: 300 }),
    })
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 8 }),
        fc.array(fc.nat(50), { minLength: 1 }),
        fc.nat(4),
        (frames, cuts, lost) => {
          const all = Buffer.concat(frames.map(({ kind, payload }) => encodeFrame(kind, payload)))
          const sent = all.subarray(0, Math.max(0, all.length - lost))
          const reader = new FrameReader()
          const got: Frame[] = []
          for (let at = 0, i = 0; at < sent.length; i++) {
            const length = 1 + (cuts[i % cuts.length] as number)
            reader.push(sent.subarray(at, at + length))
            at += length
            for (let next = reader.next(); next; next = reader.next())
              got.push({ kind: next.kind, payload: Uint8Array.from(next.payload) })
          }
          const isCut = lost > 0 && frames.length > 0
          expect(got).toEqual(isCut ? frames.slice(0, got.length) : frames)
          if (isCut) expect(got.length).toBeLessThan(frames.length)
        },
      ),
    )
  })

  test.each([
    ['an unknown kind', [9, 0, 0, 0, 0]],
    ['a length beyond the limit', [0, 0xff, 0xff, 0xff, 0xff]],
  ])('%s is no frame', (_, bytes) => {
    const reader = new FrameReader()
    reader.push(Uint8Array.from(bytes))
    expect(() => reader.next()).toThrow(expect.objectContaining({ code: 'query_protocol_broken' }))
    expect(() => encodeFrame('bytes', new Uint8Array(PAYLOAD_BYTES_MAX + 1))).toThrow(/no answer/)
  })
})

describe('messages', () => {
  test('keep 64-bit integers', () => {
    const message: ToChild = {
      kind: 'inspect',
      tables: [],
      sql: '',
      params: [2n ** 63n - 1n, 'a', null],
      output: { kind: 'cells', rows_max: 1 },
    }
    expect(decodeMessage(encodeMessage(message))).toEqual(message)
    expect(() => decodeMessage(Buffer.from('{'))).toThrow(/not JSON/)
  })

  test('keep what an error is, bounded', () => {
    const error = new UsageError('query_invalid', 'x'.repeat(10_000), { hint: 'mend it' })
    const received = receivedError(sentError(error))
    expect(received).toMatchObject({ name: 'UsageError', code: 'query_invalid', hint: 'mend it' })
    expect(received.message.length).toBeLessThan(5_000)
    expect(receivedError(sentError(new TypeError('what')))).toMatchObject({ code: 'query_crashed', message: 'what' })
  })
})
