import { SILVER_RULES } from '@assay/rules'
import { describe, expect, it } from 'vitest'
import { laneEnds, partitionOf, rowsByPartition, type SortedRows, sortRows } from '../src/silver/sort-rows.js'
import { bronzeRows } from './bronze-rows.js'

const DAY_US = 86_400_000_000n

interface Row {
  readonly rank: number
  readonly day: bigint
  /** The rule that it breaks, if any. */
  readonly breaks?: string
}

function sorted(rows: readonly Row[], lanes: number, maxPartitions: number): SortedRows {
  const bronze = bronzeRows(rows.map(({ rank }) => rank))
  const times_us = BigInt64Array.from(rows, ({ day }) => day * DAY_US + 1n)
  const broken = Uint16Array.from(rows, ({ breaks }) => 1 + SILVER_RULES.rules.findIndex(({ name }) => name === breaks))
  const verdicts = { rules: SILVER_RULES, broken, detailsOf: async () => [] }
  return sortRows(bronze, times_us, verdicts, { ends: laneEnds(bronze, lanes), maxPartitions })
}

describe('the rows that a batch takes', () => {
  it('T14: a lane ends before the row that would open one partition too many, rejected rows counted', () => {
    const found = sorted(
      [
        { rank: 0, day: 0n },
        { rank: 0, day: 1n },
        { rank: 0, day: 0n, breaks: 'side_valid' },
        { rank: 0, day: 0n },
        { rank: 0, day: 2n },
        { rank: 0, day: 0n },
      ],
      1,
      3,
    )
    expect([[...found.valid], [...found.rejected], found.counts]).toEqual([[0, 1, 3], [2], [4]])
  })

  it('T14: a lane far ahead of the others or behind them holds none of them up', () => {
    const far = [0, 1, 2, 3].map((day) => ({ rank: 1, day: BigInt(1000 + day) }))
    const near = (rank: number): Row[] => [5n, 5n, 6n].map((day) => ({ rank, day }))
    const found = sorted([...near(0), ...far, ...near(2)], 4, 3)
    expect(found.counts).toEqual([3, 1, 3, 0])
    expect([...found.valid]).toEqual([0, 1, 2, 3, 7, 8, 9])
  })

  it('rows of a day stay in the order of the batch, and dead letters are apart by type', () => {
    const days = [1n, 2n, 1n, 2n, 1n]
    const rows = days.map((day, i) => ({ rank: 0, day, ...(i === 2 && { breaks: 'price_positive' }) }))
    const { valid, rejected, partitions } = sorted(rows, 1, 64)
    const byDay = [...rowsByPartition(valid, partitions)].map(([number, list]) => [partitionOf(number), [...list]])
    expect(byDay).toEqual([
      [{ day: 1, type: undefined }, [0, 4]],
      [{ day: 2, type: undefined }, [1, 3]],
    ])
    expect([...rowsByPartition(rejected, partitions)].map(([number]) => partitionOf(number))).toEqual([
      { day: 0, type: 'price_validation' },
    ])
  })
})
