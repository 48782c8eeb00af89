import { expect, it } from 'vitest'
import { runSeed } from '../simulation/run-seed.js'

const SEEDS = Number(process.env.SEEDS ?? 150)
/** The same with every run: a change is judged by what it does. `FROM` takes others. */
const FROM = Number(process.env.FROM ?? 1000)

it(`A1 A2 A8 A9 B2 B3 S1 S2 G1 G2: ${SEEDS} courses of events, from seed ${FROM} on`, async () => {
  console.info(`seeds from ${FROM}; one of them again: node tests/simulation/run.mjs --seeds 1 --trace --from <seed>`)
  for (let seed = FROM; seed < FROM + SEEDS; seed++) {
    const { failures, profile } = await runSeed(seed)
    expect({ seed, profile, failures }).toEqual({ seed, profile, failures: [] })
  }
}, 3_600_000)
