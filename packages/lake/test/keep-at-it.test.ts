import { AssayError, type Clock, OutageError, seededRandom, systemClock } from '@assay/core'
import { describe, expect, it } from 'vitest'
import { keepAtIt } from '../src/keep-at-it.js'

/** Work that runs for so long each time and then fails, and what was told of it. */
async function told(runs_ms: readonly number[]): Promise<{ retries_ms: number[]; failures: number[] }> {
  let now_ms = 0
  const clock: Clock = {
    ...systemClock,
    monotonic_ms: () => now_ms,
    sleep: async (ms) => {
      now_ms += ms
    },
  }
  const left = [...runs_ms]
  const retries_ms: number[] = []
  const failures: number[] = []
  const work = async (): Promise<void> => {
    const run_ms = left.shift()
    if (run_ms === undefined) return
    now_ms += run_ms
    throw new OutageError('store_away', 'the store is away')
  }
  const onOutage = (_error: unknown, retry_ms: number, count: number): void => {
    retries_ms.push(retry_ms)
    failures.push(count)
  }
  await keepAtIt(work, { clock, random: seededRandom(1), onOutage }, new AbortController().signal)
  return { retries_ms, failures }
}

/** Pauses that double from half a second to five. */
function expectPauses(retries_ms: readonly number[], failures: readonly number[]): void {
  for (const [i, retry_ms] of retries_ms.entries()) {
    const most_ms = Math.min(5_000, 500 * 2 ** ((failures[i] ?? 1) - 1))
    expect(retry_ms).toBeGreaterThanOrEqual(most_ms / 2)
    expect(retry_ms).toBeLessThanOrEqual(most_ms)
  }
}

describe('A8: what keeps at it', () => {
  it('A8: waits longer with each failure in a row, up to five seconds', async () => {
    const { retries_ms, failures } = await told(Array.from({ length: 9 }, () => 1_000))
    expect(failures).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
    expectPauses(retries_ms, failures)
  })

  it('A8: begins anew once it has run for a minute, and not a moment sooner', async () => {
    const { retries_ms, failures } = await told([10, 10, 59_999, 60_000, 10, 3_600_000, 10])
    expect(failures).toEqual([1, 2, 3, 1, 2, 1, 2])
    expectPauses(retries_ms, failures)
  })

  it('A8: does not wait for what can’t be mended by waiting', async () => {
    const options = { clock: systemClock, random: seededRandom(1), onOutage: () => expect.unreachable() }
    const work = () => Promise.reject(new AssayError('bad_checkpoint', 'it is none'))
    await expect(keepAtIt(work, options, new AbortController().signal)).rejects.toThrow('it is none')
  })
})
