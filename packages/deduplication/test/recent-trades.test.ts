import type { TableMetadata } from '@assay/iceberg'
import { describe, expect, it } from 'vitest'
import { type Decisions, findDuplicates, KeySet, RecentTrades, tradeRows } from '../src/index.js'
import { HOUR_US, laneRows, type Row } from './silver-rows.js'

const TRADE: Row = {
  exchange: 'BINANCE',
  symbol: 'A',
  currency: 'USD',
  id: 0n,
  fill: 0,
  hour: 480_000,
  price: 1,
  quantity: 1,
  side: 'BUY',
}
const TIME_US = 480_000n * BigInt(HOUR_US)

function decided(trades: readonly Partial<Row>[]): Promise<Decisions> {
  const lane = trades.map((trade): Row => ({ ...TRADE, ...trade }))
  const rows = tradeRows(laneRows([lane], { texts: 'DICTIONARY', oneExchange: true }, 0))
  return findDuplicates(rows, new KeySet(2 ** 26), async () => new Set())
}

/** A batch of these trades was committed with a snapshot. */
async function take(recent: RecentTrades, trades: readonly Partial<Row>[], snapshotId: bigint): Promise<void> {
  recent.add(await decided(trades), snapshotId)
}

/** Gold with snapshots one upon the other, by their operations; their ids count from 1. */
function gold(...operations: readonly string[]): TableMetadata {
  const snapshots = operations.map((operation, i) => ({
    snapshotId: BigInt(i + 1),
    parentId: i === 0 ? undefined : BigInt(i),
    sequenceNumber: i + 1,
    summary: { operation },
  }))
  return {
    snapshots,
    ...(snapshots.length > 0 && { currentSnapshotId: BigInt(snapshots.length) }),
  } as unknown as TableMetadata
}

describe('T23: the trades that gold took last', () => {
  it.each<[what: string, first: readonly string[], then: readonly string[], isKept: boolean]>([
    ['are kept over new rows and compactions', ['append'], ['append', 'append', 'replace', 'append'], true],
    ['are forgotten once rows were deleted', ['append'], ['append', 'append', 'delete'], false],
    ['are forgotten once rows were deleted and others came', ['append'], ['append', 'overwrite', 'append'], false],
    ['are kept over what was deleted before them', ['append', 'delete'], ['append', 'delete', 'append'], true],
    ['are forgotten once gold was rolled back', ['append', 'append'], ['append'], false],
    ['begin with an empty table', [], ['append'], true],
  ])('T23: %s', async (_what, first, then, isKept) => {
    const recent = new RecentTrades()
    recent.keepIfUnchanged(gold(...first))
    await take(recent, [{ id: 7n }], BigInt(first.length + 1))
    recent.keepIfUnchanged(gold(...then))
    expect(recent.timeOf('BINANCE//A', 7)).toBe(isKept ? TIME_US : undefined)
  })

  it('T23: what came after a deletion is kept from then on', async () => {
    const recent = new RecentTrades()
    recent.keepIfUnchanged(gold('append'))
    await take(recent, [{ id: 7n }], 2n)
    recent.keepIfUnchanged(gold('append', 'append', 'delete'))
    await take(recent, [{ id: 8n }], 4n)
    recent.keepIfUnchanged(gold('append', 'append', 'delete', 'append'))
    expect([7, 8].map((id) => recent.timeOf('BINANCE//A', id))).toEqual([undefined, TIME_US])
    recent.keepIfUnchanged(gold('append', 'append', 'delete', 'append', 'delete'))
    expect(recent.timeOf('BINANCE//A', 8)).toBeUndefined()
  })

  it('A6: are as many as there is room for: the oldest gives way, and no sooner', async () => {
    const recent = new RecentTrades()
    await take(recent, [{ id: 7n }], 1n)
    const more = async (count: number) =>
      decided(Array.from({ length: count }, (_, i) => ({ symbol: 'B', id: BigInt(i) })))
    const [many, rest, one] = [await more(2_000), await more(2 ** 17 - 1 - 65 * 2_000), await more(1)]
    for (let i = 0; i < 65; i++) recent.add(many, 2n)
    recent.add(rest, 2n)
    expect(recent.timeOf('BINANCE//A', 7)).toBe(TIME_US)
    recent.add(one, 2n)
    expect(recent.timeOf('BINANCE//A', 7)).toBeUndefined()
    expect(recent.timeOf('BINANCE//B', 0)).toBe(TIME_US)
  })

  it('A6: begin anew where there are more names than anybody trades', async () => {
    const recent = new RecentTrades()
    await take(
      recent,
      Array.from({ length: 20_000 }, (_, i) => ({ symbol: `S${i}` })),
      1n,
    )
    expect(recent.timeOf('BINANCE//S0', 0)).toBe(TIME_US)
    await take(recent, [{ symbol: 'B' }], 2n)
    expect(['BINANCE//S0', 'BINANCE//B'].map((key) => recent.timeOf(key, 0))).toEqual([undefined, TIME_US])
  })
})
