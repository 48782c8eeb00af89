import { describe, expect, it } from 'vitest'
import { everything, start } from './model.js'

describe('a table beside a simple model of it', () => {
  it.each(['error_before', 'error_after'] as const)(
    'A1, A8: every call to the store in turn ends in %s',
    async (fault) => {
      let calls = 0
      const smooth = await start(({ index }) => {
        calls = index + 1
        return 'none'
      })
      await smooth.run(everything)
      for (let failing = 0; failing < calls; failing += 1) {
        const run = await start(({ index }) => (index === failing ? fault : 'none'))
        await run.run(everything)
        await run.check()
        expect([...run.model.values()], `fault at call ${failing}`).toEqual([...smooth.model.values()])
        if (failing % 4 === 0)
          expect(await run.settle(), `files after a fault at call ${failing}`).toHaveLength(run.model.size)
      }
    },
  )
})
