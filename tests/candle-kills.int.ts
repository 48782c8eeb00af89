import { AssayError, seededRandom } from '@assay/core'
import { FaultyStore, type StoreCall } from '@assay/object-store'
import { describe, expect, it } from 'vitest'
import { ABOVE, expectRight, revisions, sameAlways, trade } from './support/candle-lake.js'
import { drain } from './support/drain.js'
import { sitesOf } from './support/fault-sites.js'
import { copyOf, type MemoryLake, memoryLake } from './support/memory-lake.js'

/** Two minutes and an hour that are out, and trades in gold that close more and make two of them anew. */
async function halfMade(): Promise<MemoryLake> {
  const lake = memoryLake()
  await trade(
    lake,
    [1, 30, 65, 70, 3_700, 3_701].map((at_s, i) => ({ id: i + 1, at_s })),
  )
  await drain(lake)
  await trade(lake, [
    { id: 10, at_s: 20, price: '45' },
    { id: 11, at_s: 100 },
    { id: 12, at_s: 3_790 },
  ])
  await trade(lake, [{ id: 13, at_s: 3_800 }])
  await drain(lake, { layers: ABOVE })
  return lake
}

describe('a worker that is killed', () => {
  it('L6 A1: at any write, over a batch with late trades: another one ends with the same', async () => {
    const before = await halfMade()
    const undisturbed = await copyOf(before.store, before.clock)
    const calls: StoreCall[] = []
    const again = (store: typeof before.store, seed: number) =>
      memoryLake({ store, log: before.log, clock: before.clock, random: seededRandom(seed) })
    const run = async (lake: MemoryLake): Promise<MemoryLake> => {
      await drain(lake, { layers: ['candles'] })
      return lake
    }
    const noted = new FaultyStore(undisturbed, (call) => {
      calls.push(call)
      return 'none'
    })
    const whole = await run(again(noted, 77))
    await expectRight(whole)
    const expected = [await sameAlways(whole), await revisions(whole)]
    expect(expected[1]?.map(({ window_size }) => window_size)).toEqual(['1h', '1m', '1m'])
    await whole.close()
    for (const { index: at, method, key } of calls.filter(sitesOf('error_after'))) {
      const store = await copyOf(before.store, before.clock)
      const dying = again(
        new FaultyStore(store, ({ index }) => {
          if (index >= at) throw new AssayError('killed', 'the process is gone')
          return 'none'
        }),
        77,
      )
      // A deletion that fails after the commit ends nobody.
      const ended = await run(dying).catch((error: unknown) => error)
      if (ended instanceof Error) expect(ended, `${at} ${method} ${key}`).toMatchObject({ code: 'killed' })
      await dying.close()
      const after = await run(again(store, 78))
      expect([at, await sameAlways(after), await revisions(after)]).toEqual([at, ...expected])
      await after.close()
    }
    await before.close()
  }, 60_000)
})
