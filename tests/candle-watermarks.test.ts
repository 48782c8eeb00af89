import { CANDLES_TABLE } from '@assay/candles'
import { commitBatch } from '@assay/pipeline'
import { describe, expect, it } from 'vitest'
import {
  ABOVE,
  closedMinutes,
  expectRight,
  MINUTE_US,
  minutesOf,
  revisions,
  START_US,
  trade,
  turn,
} from './support/candle-lake.js'
import { NEVER } from './support/dead-letters.js'
import { drain } from './support/drain.js'
import { memoryLake } from './support/memory-lake.js'
import { query } from './support/tables.js'
import { candlesWorker } from './support/workers.js'

describe('lanes that are silent', () => {
  it('L4: the windows of the other close after the idle timeout; old trades of the silent one make revisions', async () => {
    const lake = memoryLake()
    await trade(lake, [{ id: 1, at_s: 1, lane: 1 }, { id: 2, at_s: 2, lane: 1 }, ...minutesOf(0, 4)])
    await drain(lake, { layers: ABOVE })
    const worker = await candlesWorker(lake)
    for (const [seconds, closed] of [
      [0, []],
      [29, []],
      [2, [0, 1, 2]],
    ] as const) {
      lake.clock.advance(seconds * 1_000)
      await turn(worker)
      expect([seconds, await closedMinutes(lake)]).toEqual([seconds, closed])
    }
    await trade(lake, [
      { id: 3, at_s: 3, lane: 1, price: '70' },
      { id: 4, at_s: 63, lane: 1 },
    ])
    await drain(lake, { layers: ABOVE })
    await turn(worker)
    expect(await query(lake, 'SELECT window_start, cause, trades_added FROM gold_candle_revisions ORDER BY 1')).toEqual(
      [
        { window_start: START_US, cause: 'late', trades_added: 1n },
        { window_start: START_US + MINUTE_US, cause: 'late', trades_added: 1n },
      ],
    )
    await expectRight(lake)
    await lake.close()
  })
})

describe('two workers of candles', () => {
  it('T21 A2: one that closes windows by an old watermark is refused, though no position has moved', async () => {
    const lake = memoryLake()
    await trade(lake, [{ id: 1, at_s: 1, lane: 1 }, { id: 2, at_s: 2, lane: 1 }, ...minutesOf(0, 4)])
    await drain(lake, { layers: ABOVE })
    const workers = [await candlesWorker(lake), await candlesWorker(lake)]
    for (const worker of workers) {
      // Positions that close no window are committed after some seconds.
      for (const seconds of [0, 11]) {
        lake.clock.advance(seconds * 1_000)
        await turn(worker)
      }
    }
    lake.clock.advance(31_000)
    const outcomes: unknown[] = []
    const { checkpoint } = await (await lake.table(CANDLES_TABLE)).pin()
    const batches = await Promise.all(workers.map(({ stage }) => stage.run(checkpoint, NEVER)))
    for (const [i, { main, sides }] of workers.entries()) {
      const batch = batches[i]
      if (batch?.kind !== 'batch') throw new Error('no window is closed')
      for (const [key, { position }] of batch.change.lanes) expect(checkpoint.lanes.get(key)?.position).toBe(position)
      expect(batch.counts.candles).toBe(3)
      outcomes.push(await commitBatch(main, sides, batch))
    }
    expect(outcomes).toMatchObject([
      { kind: 'committed' },
      { kind: 'refused', reason: 'state was changed by another worker' },
    ])
    expect(await closedMinutes(lake)).toEqual([0, 1, 2])
    await expectRight(lake)
    await lake.close()
  })
})

describe('a recording', () => {
  it("L12: January's, loaded today in two halves some minutes apart, gives no revision that one load would not", async () => {
    const halves = [minutesOf(0, 3), [...minutesOf(3, 6), { id: 500, at_s: 61 }, { id: 501, at_s: 370 }]]
    const found: unknown[] = []
    for (const parts of [halves, [halves.flat()]]) {
      const lake = memoryLake()
      const worker = await candlesWorker(lake)
      for (const part of parts) {
        await trade(lake, part)
        await drain(lake, { layers: ABOVE })
        for (const seconds of [0, 20, 20, 20, 20, 100]) {
          lake.clock.advance(seconds * 1_000)
          await turn(worker)
        }
      }
      found.push({ revisions: (await revisions(lake)).length, minutes: await closedMinutes(lake) })
      await expectRight(lake)
      await lake.close()
    }
    expect(found[0]).toEqual({ revisions: 1, minutes: [0, 1, 2, 3, 4, 5] })
    expect(found[1]).toEqual({ revisions: 0, minutes: [0, 1, 2, 3, 4, 5] })
  })
})
