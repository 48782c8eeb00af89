import { describe, expect, it } from 'vitest'
import { commitsOf, drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance, kraken, memoryLake } from './support/memory-lake.js'
import { produceSimulated } from './support/records.js'
import { digests, query } from './support/tables.js'

describe('the pipeline', () => {
  it('B1 B2 S1 G1 G2: what the simulation injected is what the tables hold, in many small batches over several lanes', async () => {
    const lake = memoryLake({ exchanges: [binance, kraken] })
    const options = { count: 300, duplicates: 0.1, invalid: 0.15, late: 0.05 }
    const tallies = [
      await produceSimulated(lake, binance, options, 3),
      await produceSimulated(lake, kraken, { ...options, seed: 2 }, 2),
    ]
    const events = await drain(lake, { limits: { maxRows: 120, maxPartitions: 12 } })
    expect(commitsOf(events)['silver-binance']).toBeGreaterThan(2)
    await checkInvariants(lake)
    const sum = (pick: (tally: (typeof tallies)[number]) => number): bigint =>
      BigInt(tallies.reduce((total, tally) => total + pick(tally), 0))
    const found = await digests(lake)
    expect(found.gold_crypto_trades?.rows).toBe(sum((tally) => tally.valid - tally.duplicates))
    expect(found.gold_duplicates?.rows).toBe(sum((tally) => tally.duplicates))
    const reasons: Record<string, number> = {}
    for (const { invalid } of tallies) {
      for (const [reason, count] of Object.entries(invalid)) reasons[reason] = (reasons[reason] ?? 0) + count
    }
    const deadLetters = await query(
      lake,
      'SELECT error_reason, count(*)::INTEGER AS n FROM silver_dlq_trades GROUP BY 1',
    )
    expect(Object.fromEntries(deadLetters.map((row) => [row.error_reason, row.n]))).toEqual(reasons)
    await lake.close()
  })
})
