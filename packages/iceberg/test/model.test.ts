import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { everything, start, step } from './model.js'

describe('a table beside a simple model of it', () => {
  it('A1, A9: any sequence of appends, compactions, expiries and clean-ups', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        const run = await start(() => 'none')
        await run.run(steps)
        await run.check()
      }),
      { numRuns: 60 },
    )
  })

  it('A9: nothing unreferenced is left after the grace time, without any search for orphans', async () => {
    const run = await start(() => 'none')
    await run.run(everything)
    expect(await run.settle()).toHaveLength(run.model.size)
    expect(run.orphans).toEqual([])
  })
})
