import { expect, test } from 'vitest'
import { withinTime } from '../src/index.js'

function clockOf(sleeps: (signal: AbortSignal | undefined) => Promise<void>) {
  const asked: number[] = []
  const sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    asked.push(ms)
    return sleeps(signal)
  }
  return { asked, clock: { now_ms: () => 0, monotonic_ms: () => 0, sleep } }
}
const aborted = (signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => signal?.addEventListener('abort', () => resolve()))
const late = (): Error => new Error('late')

test('what comes in time is what comes, a failure too, and the wait is over with it', async () => {
  const { asked, clock } = clockOf(aborted)
  expect(await withinTime(clock, 7, async () => 'done', late)).toBe('done')
  await expect(withinTime(clock, 8, () => Promise.reject(new Error('failed')), late)).rejects.toThrow('failed')
  expect(asked).toEqual([7, 8])
})

test('what takes longer is told as late', async () => {
  const { clock } = clockOf(async () => undefined)
  await expect(withinTime(clock, 7, () => new Promise(() => undefined), late)).rejects.toThrow('late')
})
