import { describe, expect, it } from 'vitest'
import { runSeed } from './run-seed.js'

/** Few enough for every run of the tests; the integration tier and `run.mjs` take more. */
const SEEDS = 2
/** A machine that others keep busy takes its time. */
const TIMEOUT_MS = 300_000

describe('whole pipelines, with all that can happen to them', () => {
  it(
    'A1 A2 A8 A9 B2 B3 S1 S2 G1 G2: outages, kills, frozen writers, other engines, faults of the log: every promise holds',
    async () => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { failures, profile } = await runSeed(seed)
        expect({ seed, profile, failures }).toEqual({ seed, profile, failures: [] })
      }
    },
    TIMEOUT_MS,
  )

  it(
    'one seed is one course of events',
    async () => {
      const [first, second] = [await runSeed(12), await runSeed(12)]
      expect([first.hash, first.steps]).toEqual([second.hash, second.steps])
    },
    TIMEOUT_MS,
  )
})
