import { expect, it } from 'vitest'
import { runSeed } from './run-seed.js'

it('one seed is one course of events', async () => {
  const [first, second] = [await runSeed(12), await runSeed(12)]
  expect([first.hash, first.steps]).toEqual([second.hash, second.steps])
}, 300_000)
