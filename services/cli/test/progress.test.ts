import { Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { type Done, Progress, withProgress } from '../src/print/progress.js'

const REWRITE = '\r\u001b[2K'

/** A terminal, or not, whose clock a test sets. */
function terminal(stderrIsTerminal: boolean, stderrWidth = 80) {
  let text = ''
  const sleeping: (() => void)[] = []
  const watched = new Set<AbortSignal>()
  const clock = {
    now: 0,
    now_ms: () => clock.now,
    monotonic_ms: () => clock.now,
    sleep: (_ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        sleeping.push(resolve)
        if (!signal || watched.has(signal)) return
        watched.add(signal)
        signal.addEventListener('abort', () => {
          for (const wake of sleeping.splice(0)) wake()
        })
      }),
  }
  const stderr = new Writable({
    write(chunk, _encoding, done) {
      text += String(chunk)
      done()
    },
  })
  /** Lets a second pass, so that whoever sleeps wakes up. */
  const second = async (): Promise<void> => {
    clock.now += 1_000
    for (const wake of sleeping.splice(0)) wake()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { io: { stderr, stderrIsTerminal, stderrWidth }, clock, second, text: () => text }
}

function follow(isTerminal: boolean, seconds: number, at: (second: number) => Done, width?: number): string {
  const { io, clock, text } = terminal(isTerminal, width)
  const progress = new Progress(io, clock, 'begun')
  for (let second = 0; second <= seconds; second += 0.5) {
    clock.now = second * 1_000
    progress.update(at(second))
  }
  progress.end()
  return text()
}

describe('progress', () => {
  test('says nothing of what takes less than two seconds', () => {
    for (const isTerminal of [true, false]) expect(follow(isTerminal, 1.5, () => ({ text: 'some' }))).toBe('')
  })

  test('is rewritten in place on a terminal, and nothing is left of it at the end', () => {
    const text = follow(true, 3, (second) => ({ text: `${second} of 30 done`, share: second / 30 }))
    expect(text.split(REWRITE)).toEqual([
      '',
      '2 of 30 done, 7 %, about 28.0 s left',
      '2.5 of 30 done, 8 %, about 27.5 s left',
      '3 of 30 done, 10 %, about 27.0 s left',
      '',
    ])
  })

  test('is a line every ten seconds elsewhere', () => {
    const text = follow(false, 25, (second) => ({ text: `${second} of 100 done`, share: second / 100 }))
    expect(text).toBe(
      '2 of 100 done, 2 %, about 1.6 min left\n12 of 100 done, 12 %, about 1.5 min left\n22 of 100 done, 22 %, about 1.3 min left\n',
    )
  })

  test('that nobody can estimate says what has been done so far', () => {
    expect(follow(false, 2, () => ({ text: '5,000 rows read' }))).toBe('5,000 rows read (2.0 s so far)\n')
    expect(follow(false, 2, () => ({ text: 'just begun', share: 0 }))).toBe('just begun (2.0 s so far)\n')
    expect(follow(false, 2, () => ({ text: 'all done', share: 1 }))).toBe('all done, 100 %\n')
  })

  test('is never wider than the terminal, which could not be rewritten', () => {
    const text = follow(true, 3, () => ({ text: 'x'.repeat(100) }), 40)
    for (const line of text.split(REWRITE)) expect(line.length).toBeLessThan(40)
  })

  test('gives way to lines that others write', () => {
    const { io, clock, text } = terminal(true)
    const progress = new Progress(io, clock, 'begun')
    clock.now = 2_000
    progress.draw()
    progress.above(() => io.stderr.write('a line\n'))
    expect(text()).toBe(`${REWRITE}begun (2.0 s so far)${REWRITE}a line\n`)
  })

  test('tells the time that has passed while the work says nothing, and ends with it, failed or not', async () => {
    const { io, clock, second, text } = terminal(false)
    let fail = (): void => undefined
    const work = withProgress(
      io,
      clock,
      'looking',
      () => new Promise<never>((_, reject) => (fail = () => reject(new Error('no')))),
    )
    for (let n = 0; n < 13; n++) await second()
    expect(text()).toBe('looking (2.0 s so far)\nlooking (12.0 s so far)\n')
    fail()
    await expect(work).rejects.toThrow('no')
    await second()
    expect(text()).toBe('looking (2.0 s so far)\nlooking (12.0 s so far)\n')
  })
})
