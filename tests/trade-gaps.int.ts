import type { Lake } from '@assay/lake'
import { openQuery } from '@assay/query'
import { describe, expect, it } from 'vitest'
import { diskLake, temporaryFolder } from './support/disk-lake.js'
import { drain } from './support/drain.js'
import { checkInvariants } from './support/invariants.js'
import { binance } from './support/memory-lake.js'
import { binanceRecord, produce, registerSchema, START_MS } from './support/records.js'

async function take(lake: Lake, ids: readonly number[], symbol = 'BTCUSDT'): Promise<void> {
  const schemaId = await registerSchema(lake, binance)
  const records = ids.map((trade_id) =>
    binanceRecord(binance, schemaId, { trade_id, symbol, time: START_MS + trade_id * 1000 }),
  )
  await produce(lake, binance, records)
  await drain(lake)
}

/** `symbol from..to after-before`, seconds since the first trade; closed ones with an x. */
async function gaps(lake: Lake): Promise<string[]> {
  const query = await openQuery(lake, { maxRows: 100, timeout_ms: 10_000 })
  try {
    const { rows } = await query.run(`SELECT symbol || ' ' || from_id || '..' || to_id || ' '
        || coalesce((epoch_ms(after_time) - ${START_MS}) // 1000, -1) || '-'
        || coalesce((epoch_ms(before_time) - ${START_MS}) // 1000, -1)
        || CASE WHEN closed_at IS NULL THEN '' ELSE ' x' END AS gap
      FROM gold_trade_gaps ORDER BY exchange, symbol, from_id, to_id`)
    return rows.map(([gap]) => String(gap))
  } finally {
    await query.close()
  }
}

describe('gaps in what an exchange sent', () => {
  it('are listed with the times of the trades on both sides, also where one was in an earlier batch', async () => {
    const lake = await diskLake(temporaryFolder())
    await take(lake, [5, 6, 9])
    await take(lake, [12])
    await take(lake, [3], 'ETHUSDT')
    await take(lake, [4, 7], 'ETHUSDT')
    expect(await gaps(lake)).toEqual(['BTCUSDT 7..9 6-9', 'BTCUSDT 10..12 9-12', 'ETHUSDT 5..7 4-7'])
    await checkInvariants(lake)
  })

  it('are closed when the trades arrive late, and what is left of them stays open', async () => {
    const lake = await diskLake(temporaryFolder())
    await take(lake, [1, 8])
    await take(lake, [4, 8])
    expect(await gaps(lake)).toEqual(['BTCUSDT 2..4 1-4', 'BTCUSDT 2..8 1-8 x', 'BTCUSDT 5..8 4-8'])
    await take(lake, [2, 3])
    await take(lake, [7, 6, 5])
    expect(await gaps(lake)).toEqual(['BTCUSDT 2..4 1-4 x', 'BTCUSDT 2..8 1-8 x', 'BTCUSDT 5..8 4-8 x'])
    await checkInvariants(lake)
  })

  it('are found again after a restart that has to load the key set, and none lies before the first trade', async () => {
    const folder = temporaryFolder()
    await take(await diskLake(folder), [100, 101])
    const lake = await diskLake(folder)
    await take(lake, [103, 90])
    expect(await gaps(lake)).toEqual(['BTCUSDT 91..100 90-100', 'BTCUSDT 102..103 101-103'])
  })
})
