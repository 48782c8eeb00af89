import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NamedColumn } from '@assay/core'
import { openEngine, type Session } from '@assay/engine'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  findDuplicates,
  gather,
  KeySet,
  pieceAt,
  RecentTrades,
  Standing,
  TRADE_KEY,
  type TradeBlock,
  type TradeRows,
  tradeRows,
  WantedTrades,
  writtenOf,
} from '../src/index.js'
import { checkOrder, isByNumber, keptOf } from './decided-rows.js'
import { batches, HOUR_US, laneRows, type Row } from './silver-rows.js'

/** What SQL says of the batch: of each row whether it is a duplicate, and of a duplicate the kept row and whether it conflicts. */
const EXPECTED = `SELECT * FROM (
  SELECT batch, "position", "position" <> kept.position OR batch <> kept.batch AS is_duplicate, kept.batch < batch AS in_gold,
    kept."partition" AS kept_partition, kept."offset" AS kept_offset,
    kept."timestamp" IS DISTINCT FROM "timestamp" OR kept.price IS DISTINCT FROM price
      OR kept.quantity IS DISTINCT FROM quantity OR kept.side IS DISTINCT FROM side AS is_conflict
  FROM (SELECT *, first_value(r) OVER (PARTITION BY ${TRADE_KEY} ORDER BY batch, "position") AS kept FROM all_rows r)
) WHERE batch = (SELECT max(batch) FROM all_rows) ORDER BY "position"`

let session: Session
let close: () => Promise<void>
beforeAll(async () => {
  const tempDirectory = await mkdtemp(join(tmpdir(), 'assay-decisions-'))
  const engine = await openEngine({ memoryLimit_bytes: 100 * 2 ** 20, threads: 1, tempDirectory })
  session = await engine.session()
  close = async () => {
    await session.close()
    await engine.close()
    await rm(tempDirectory, { recursive: true })
  }
})
afterAll(() => close())

/** The batch's rows as the engine's, by position. */
function sqlColumns(rows: TradeRows, batch: number): NamedColumn[] {
  const positions = Array.from({ length: rows.count }, (_, i) => i)
  const found = positions.map((at) => {
    const { block, rows: indices, first } = pieceAt(rows, at)
    const i = indices[at - first] as number
    return { partition: block.partitions[i] as number, offset: block.offsets.words[2 * i] as number }
  })
  return [
    ...gather(rows, positions),
    { name: 'batch', column: { type: 'INTEGER', data: new Int32Array(rows.count).fill(batch) } },
    { name: 'partition', column: { type: 'INTEGER', data: Int32Array.from(found, ({ partition }) => partition) } },
    { name: 'offset', column: { type: 'BIGINT', data: BigInt64Array.from(found, ({ offset }) => BigInt(offset)) } },
  ]
}

describe('what deduplication finds', () => {
  it('G1 G2 G4: of each row and of the row that was kept is what SQL finds, whatever the columns are made of', async () => {
    await fc.assert(
      fc.asyncProperty(batches, async (all) => {
        const keys = new KeySet(2 ** 20)
        const recent = new RecentTrades()
        const numberless = new Set<string>()
        let taken = 0
        await session.run('DROP TABLE IF EXISTS all_rows')
        for (const [batch, [lanes, shapeOf]] of all.entries()) {
          const rows = tradeRows(laneRows(lanes, shapeOf, taken))
          taken += Math.max(0, ...lanes.map(({ length }) => length))
          if (rows.count === 0) continue
          const table = await session.load('batch_rows', sqlColumns(rows, batch), rows.count)
          await session.run(`CREATE TEMP TABLE IF NOT EXISTS all_rows AS SELECT * FROM ${table.name} LIMIT 0`)
          await session.run(`INSERT INTO all_rows SELECT * FROM ${table.name}`)
          const nameOf = ({ pieces }: TradeRows, at: number): string => {
            const piece = pieceAt({ pieces } as TradeRows, at)
            const i = piece.rows[at - piece.first] as number
            const text = (name: 'exchange' | 'symbol' | 'currency' | 'trade_id') => piece.block.text(name, i)
            const currency = text('exchange') === 'KRAKEN' ? text('currency') : ''
            return [text('exchange'), currency, text('symbol'), text('trade_id')].join(' ')
          }
          const decisions = await findDuplicates(rows, keys, async (of, positions) => {
            const found = positions.filter((at) => numberless.has(nameOf(of, at)))
            for (const at of positions) numberless.add(nameOf(of, at))
            return new Set(found)
          })
          const wanted = new WantedTrades(decisions.symbolKeys.length)
          const expected = await session.rows(EXPECTED)
          for (const [at, { is_duplicate, in_gold }] of expected.entries()) {
            const standing = is_duplicate ? (in_gold ? Standing.keptInGold : Standing.keptInBatch) : Standing.new
            expect([at, decisions.standings[at]]).toEqual([at, standing])
            const { block, rows: indices, first } = pieceAt(rows, at)
            const i = indices[at - first] as number
            const id = (block.ids.words[2 * i + 1] as number) * 2 ** 32 + ((block.ids.words[2 * i] as number) >>> 0)
            if (is_duplicate && isByNumber(decisions, at)) wanted.add(decisions.symbols[at] as number, id)
          }
          expect(decisions.duplicates).toBe(expected.filter(({ is_duplicate }) => is_duplicate).length)
          wanted.find(decisions)
          for (const [at, one] of expected.entries()) {
            if (!one.is_duplicate) continue
            const kept = keptOf(decisions, at, wanted, recent)
            // What is not remembered is looked up in gold's files: rows without a number, and those that lack a value.
            if (!kept && one.in_gold) continue
            expect([at, kept?.partition, BigInt(kept?.offset_low ?? -1), kept?.isConflict]).toEqual([
              at,
              one.kept_partition,
              one.kept_offset,
              one.is_conflict,
            ])
          }
          checkOrder(decisions)
          keys.merge(decisions.staged)
          recent.add(decisions, BigInt(batch))
        }
      }),
      { numRuns: 15 },
    )
  })

  it('G4: the trades that gold took last are remembered until they are forgotten', async () => {
    const one = { symbol: 'A', currency: 'USD', fill: 0, hour: 480_000, price: 1, quantity: 1, side: 'BUY' }
    const lane = Array.from({ length: 200 }, (_, i): Row => ({ ...one, exchange: 'BINANCE', id: BigInt(3 * i) }))
    const rows = tradeRows(laneRows([lane], { texts: 'DICTIONARY', oneExchange: false }, 0))
    const decisions = await findDuplicates(rows, new KeySet(2 ** 20), async () => new Set())
    const recent = new RecentTrades()
    const offsets = () =>
      lane.map((_, i) => recent.keptOf('BINANCE//A', rows.pieces[0]?.block as TradeBlock, i)?.offset_low)
    recent.add(decisions, 1n)
    expect(offsets()).toEqual(lane.map((_, i) => i))
    expect(recent.timeOf('BINANCE//A', 597)).toBe(480_000n * BigInt(HOUR_US))
    expect(recent.timeOf('BINANCE//A', 598)).toBeUndefined()
    recent.forget()
    expect(offsets()).toEqual(lane.map(() => undefined))
  })

  it('A3: the last new row of each lane is told, and of a lane without one nothing', async () => {
    const one = { symbol: 'A', currency: 'USD', fill: 0, hour: 480_000, price: 1, quantity: 1, side: 'BUY' }
    const at = (id: bigint): Row => ({ ...one, exchange: 'BINANCE', id })
    const lanes = [[at(1n), at(2n), at(1n)], [at(2n)], [at(3n)]]
    const rows = tradeRows(laneRows(lanes, { texts: 'DICTIONARY', oneExchange: true }, 40))
    const decisions = await findDuplicates(rows, new KeySet(2 ** 20), async () => new Set())
    expect([...writtenOf(decisions)]).toEqual([
      ['trades/0', 41n],
      ['trades/2', 40n],
    ])
  })
})
