import { Writable } from 'node:stream'
import { AssayError, OutageError, UsageError } from '@assay/core'
import { describe, expect, test } from 'vitest'
import { VirtualClock } from '../../../tests/support/virtual-clock.js'
import { watch } from '../src/commands/status-watch.js'

const START_MS = Date.UTC(2026, 5, 1, 12)
const AWAY = new OutageError('kafka_away', 'no broker answers', { hint: 'start one' })

type Seen = string | AssayError

interface Shown {
  readonly output: string
  readonly code: number
}

/** Watches what is seen turn by turn, two seconds apart, and is stopped behind the last. */
async function shown(
  turns: readonly Seen[],
  how: { readonly json?: boolean; readonly terminal?: { readonly width: number; readonly height: number } } = {},
): Promise<Shown> {
  const stop = new AbortController()
  const clock = new VirtualClock(START_MS)
  let output = ''
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      output += chunk
      done()
    },
  })
  const left = [...turns]
  const watched = {
    look: async (): Promise<string> => {
      const next = left.shift()
      if (next === undefined) stop.abort()
      if (next === undefined || next instanceof AssayError) throw next ?? AWAY
      return next
    },
    text: (seen: string) => `${seen}\n`,
    json: (seen: string) => ({ seen, offset: 2n ** 60n }),
  }
  const { width = Number.POSITIVE_INFINITY, height = Number.POSITIVE_INFINITY } = how.terminal ?? {}
  const io = {
    stdout,
    stdoutIsTerminal: how.terminal !== undefined,
    stdoutWidth: width,
    stdoutHeight: height,
    signal: stop.signal,
  }
  const code = await watch(watched, io, { json: how.json ?? false, every_ms: 2_000, clock })
  return { output, code }
}

/** The lines that a terminal shows, which understands no more than these codes. */
function screenOf(output: string): string[] {
  const lines: string[] = ['']
  const codes = output.replaceAll('\u001b[1A', '↑').replaceAll('\u001b[2K', '⌫')
  for (const part of codes.split(/([↑⌫\n])/)) {
    if (part === '↑') lines.pop()
    else if (part === '⌫') lines[lines.length - 1] = ''
    else if (part === '\n') lines.push('')
    else lines[lines.length - 1] += part
  }
  return lines
}

const time = (seconds: number): string => new Date(START_MS + seconds * 1_000).toTimeString().slice(0, 8)

describe('status --watch', () => {
  test('redraws in place on a terminal', async () => {
    const { output, code } = await shown(['one', 'two\nlines', 'three'], { terminal: { width: 80, height: 24 } })
    expect(screenOf(output)).toEqual([time(4), 'three', ''])
    expect(code).toBe(0)
  })

  test('stays within the height and width of the terminal', async () => {
    const long = Array.from({ length: 30 }, (_, i) => `line ${i} ${'x'.repeat(40)}`).join('\n')
    const { output } = await shown([long, long], { terminal: { width: 20, height: 6 } })
    const screen = screenOf(output)
    expect(screen).toHaveLength(6)
    expect(Math.max(...screen.map((line) => line.length))).toBe(20)
    expect(screen.at(-2)).toBe('… 27 more lines')
  })

  test('writes a block every few seconds where it is piped, without a control character', async () => {
    const { output } = await shown(['a', 'b', 'c', 'd', 'e', 'f', 'g'])
    expect(output).toBe(`${time(0)}\na\n\n${time(6)}\nd\n\n${time(12)}\ng\n\n`)
  })

  test('writes one JSON value a line, each turn, with exact integers', async () => {
    const { output } = await shown(['a', AWAY, 'b'], { json: true })
    expect(
      output
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { at: '2026-06-01T12:00:00.000Z', seen: 'a', offset: '1152921504606846976' },
      {
        at: '2026-06-01T12:00:02.000Z',
        waiting: {
          since: '2026-06-01T12:00:02.000Z',
          code: 'kafka_away',
          message: 'no broker answers',
          hint: 'start one',
        },
      },
      { at: '2026-06-01T12:00:04.000Z', seen: 'b', offset: '1152921504606846976' },
    ])
  })

  test('A7: survives an outage, and says since when it lasts above what was there before', async () => {
    const gone = new UsageError('lake_missing', 'there is no lake in "x"')
    const terminal = { width: 80, height: 24 }
    expect(screenOf((await shown(['one', AWAY, gone], { terminal })).output)).toEqual([
      time(4),
      `waiting since ${time(2)}: there is no lake in "x" [lake_missing]`,
      'as it was before:',
      'one',
      '',
    ])
    expect(screenOf((await shown(['one', AWAY, AWAY, 'two'], { terminal })).output)).toEqual([time(6), 'two', ''])
  })

  test('an outage from the start is waited for; what is wrong ends it', async () => {
    expect((await shown([AWAY, 'one'], { json: true })).output).toContain('"seen":"one"')
    await expect(shown([new UsageError('lake_missing', 'there is no lake')])).rejects.toMatchObject({
      code: 'lake_missing',
    })
  })
})
