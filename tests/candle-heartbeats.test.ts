import { OutageError } from '@assay/core'
import { runWorkers } from '@assay/lake'
import type { LayerName } from '@assay/medallion'
import { describe, expect, it } from 'vitest'
import { candleRows, expectedCandles } from './support/candles.js'
import { drain } from './support/drain.js'
import { beat } from './support/heartbeats.js'
import { layersNamed } from './support/layers.js'
import { binance, type MemoryLake, memoryLake } from './support/memory-lake.js'
import { binanceRecord, keyFor, produce, registerSchema, START_MS } from './support/records.js'
import { query } from './support/tables.js'
import { VirtualClock } from './support/virtual-clock.js'

const LANES = 2
const MINUTE_MS = 60_000
const IDLE_MS = 30_000

/** A lake whose clock stands so many seconds behind the first minute's start. */
function lakeAt(seconds: number): MemoryLake {
  return memoryLake({ clock: new VirtualClock(START_MS + seconds * 1000) })
}

/** Trades at seconds since the start, in a lane. */
async function trade(lake: MemoryLake, first: number, seconds: readonly number[], lane = 0): Promise<void> {
  const id = await registerSchema(lake, binance)
  const records = seconds.map((at_s, i) =>
    binanceRecord(binance, id, { trade_id: first + i, time: START_MS + at_s * 1000 }, { key: keyFor(lane, LANES) }),
  )
  await produce(lake, binance, records, LANES)
}

/** Runs the layers until candles have looked for something to do four times, and a worker has told this, if any. */
async function run(lake: MemoryLake, layers: readonly LayerName[], awaited?: string): Promise<void> {
  const stop = new AbortController()
  let left = 4
  let isTold = awaited === undefined
  const onTurn = (worker: string): void => {
    if (worker === 'candles' && isTold && --left <= 0) stop.abort()
  }
  const onEvent = ({ kind, worker }: { readonly kind: string; readonly worker: string }): void => {
    isTold ||= `${worker} ${kind}` === awaited
  }
  const options = { drain: false, adopt: false, interval_ms: 0, onEvent, onTurn, layers: layersNamed(layers) }
  await runWorkers(lake, options, stop.signal)
}

const MINUTES = `SELECT (epoch_ms(window_start) - ${START_MS}) // ${MINUTE_MS} AS minute, trades, revision, late_trades
  FROM gold_candles WHERE window_size = '1m' ORDER BY window_start`

describe('heartbeats', () => {
  it('L4: close the windows of a quiet market at once; the silent lane wakes with an old trade, which is a revision', async () => {
    const lake = lakeAt(75)
    await trade(lake, 1, [1, 30, 50])
    await drain(lake, { layers: ['bronze', 'silver', 'gold'] })
    await run(lake, ['candles'])
    expect(await query(lake, MINUTES)).toEqual([])
    await beat(lake, { at_ms: lake.clock.now_ms() })
    await run(lake, ['candles'])
    expect(lake.clock.now_ms() - START_MS).toBeLessThan(75_000 + IDLE_MS)
    expect(await query(lake, MINUTES)).toEqual([{ minute: 0n, trades: 3n, revision: 1, late_trades: 0n }])

    await trade(lake, 9, [20], 1)
    await drain(lake)
    expect(await query(lake, MINUTES)).toEqual([{ minute: 0n, trades: 4n, revision: 2, late_trades: 1n }])
    expect(await candleRows(lake)).toEqual(await expectedCandles(lake))
    await lake.close()
  })

  it('say nothing of another exchange, of a time far ahead, and of trades that were not read', async () => {
    const lake = lakeAt(75)
    await trade(lake, 1, [1, 30, 50])
    await drain(lake, { layers: ['bronze', 'silver', 'gold'] })
    const now_ms = lake.clock.now_ms()
    await beat(
      lake,
      { at_ms: now_ms, exchange: 'kraken', offsets: [3n, 0n] },
      { at_ms: now_ms + 10 * MINUTE_MS },
      { at_ms: now_ms, offsets: [4n, 0n] },
      { at_ms: now_ms, offsets: [3n] },
      { at_ms: START_MS + 61_000, offsets: [3n, 0n] },
    )
    await run(lake, ['candles'])
    expect(lake.clock.now_ms() - now_ms).toBeLessThan(IDLE_MS)
    expect(await query(lake, MINUTES)).toEqual([])
    await lake.close()
  })

  it('L11: the registry is away for ten minutes while heartbeats flow: no window closes empty', async () => {
    const lake = lakeAt(50)
    await trade(lake, 1, [1, 30, 45])
    await drain(lake, { layers: ['bronze', 'silver', 'gold'] })
    const schema = lake.registry.schema.bind(lake.registry)
    lake.registry.schema = async () => {
      throw new OutageError('registry_unavailable', 'the registry is away')
    }
    await trade(lake, 4, [50, 70, 130, 190, 191])
    for (let minute = 1; minute <= 10; minute++) {
      lake.clock.advance(Math.max(0, START_MS + 50_000 + minute * MINUTE_MS - lake.clock.now_ms()))
      await beat(lake, { at_ms: lake.clock.now_ms() })
      await run(lake, ['bronze', 'silver', 'gold', 'candles'], 'silver-binance outage')
    }
    expect(await query(lake, MINUTES)).toEqual([])

    lake.registry.schema = schema
    await drain(lake, { layers: ['bronze', 'silver', 'gold'] })
    await run(lake, ['candles'])
    const whole = { revision: 1, late_trades: 0n }
    expect(await query(lake, MINUTES)).toEqual([
      { minute: 0n, trades: 4n, ...whole },
      { minute: 1n, trades: 1n, ...whole },
      { minute: 2n, trades: 1n, ...whole },
      { minute: 3n, trades: 2n, ...whole },
    ])
    expect(await query(lake, 'SELECT * FROM gold_late_trades')).toEqual([])
    await lake.close()
  })
})
