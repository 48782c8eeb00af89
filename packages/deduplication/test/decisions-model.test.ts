import type { LaneRows } from '@assay/pipeline'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Decisions,
  findDuplicates,
  KeySet,
  RecentTrades,
  Standing,
  tradeRows,
  WantedTrades,
  writtenOf,
} from '../src/index.js'
import { checkOrder, isByNumber, keptOf } from './decided-rows.js'
import { HOUR_US, laneRows, type Row, row, shape } from './silver-rows.js'

const LANES = 3
const TOPICS = ['trades', 'replays']
/** Offsets whose low word has its highest bit set, and a high word of its own. */
const FIRST_OFFSET = 2 ** 33 + 2 ** 31

/** Rows of a batch by block and lane: those of a block lie in one set of columns. */
const blocks = fc.array(
  fc.record({
    lanes: fc.array(fc.array(row, { maxLength: 8, size: 'max' }), { minLength: LANES, maxLength: LANES }),
    shape,
    manyTopics: fc.boolean(),
  }),
  { minLength: 1, maxLength: 3 },
)
const batches = fc.array(blocks, { minLength: 1, maxLength: 4 })

/** A row and where it lies. */
interface Placed {
  readonly row: Row
  readonly lane: number
  readonly topic: string
  readonly offset: number
}

type Blocks = typeof blocks extends fc.Arbitrary<infer T> ? T : never

/** Of each lane the rows of one block after the other, as a layer hands several commits over; and the same as plain rows. */
function batchOf(some: Blocks, batch: number): { readonly lanes: LaneRows[]; readonly placed: Placed[] } {
  const found = some.map(({ lanes, shape: of, manyTopics }, block) => {
    const from = FIRST_OFFSET + 1_000 * batch + 100 * block
    const topics = manyTopics ? TOPICS : TOPICS.slice(0, 1)
    const placed = lanes.map((rows, lane) =>
      rows.map((one, i): Placed => ({ row: one, lane, topic: topics[lane % topics.length] ?? '', offset: from + i })),
    )
    return { pieces: laneRows(lanes, { ...of, topics }, from), placed }
  })
  const lanes = Array.from({ length: LANES }, (_, lane) => lane)
  return {
    lanes: lanes.flatMap((lane) => found.map(({ pieces }) => pieces[lane] as LaneRows)),
    placed: lanes.flatMap((lane) => found.flatMap(({ placed }) => placed[lane] ?? [])),
  }
}

/** What makes a trade one of its own. Only Kraken writes base and quote apart, so that two pairs may have one name. */
function keyOf({ row: { exchange, symbol, currency, id, fill, hour } }: Placed): string {
  return JSON.stringify([exchange, symbol, exchange === 'KRAKEN' ? currency : '', String(id ?? `T${fill}-${hour}`)])
}

function differs({ row: a }: Placed, { row: b }: Placed): boolean {
  return a.hour !== b.hour || a.price !== b.price || a.quantity !== b.quantity || a.side !== b.side
}

/** Numbers with one low word, of which the trades remembered last may hold but the newer. */
const SAME_LOW_WORD: ReadonlySet<bigint | null> = new Set([-1n, 2n ** 53n - 1n, 3n, 2n ** 32n + 3n])

/** True of the first row of a trade that is remembered: it has a number, and every value that tells a conflict. */
function isRemembered({ row: { id, price, quantity, side } }: Placed): boolean {
  return id !== null && Number.isSafeInteger(Number(id)) && price !== null && quantity !== null && side !== null
}

/** The first rows of their trades, with the batch they came in. */
type FirstRows = Map<string, { readonly placed: Placed; readonly batch: number }>

function expectStandings(decisions: Decisions, placed: readonly Placed[], firsts: FirstRows, batch: number): void {
  const expected = placed.map((one) => {
    const first = firsts.get(keyOf(one))
    if (!first) firsts.set(keyOf(one), { placed: one, batch })
    return !first ? Standing.new : first.batch < batch ? Standing.keptInGold : Standing.keptInBatch
  })
  expect([...decisions.standings]).toEqual(expected)
  expect(decisions.duplicates).toBe(expected.filter((standing) => standing !== Standing.new).length)
  const written = new Map<string, bigint>()
  for (const [i, { lane, offset }] of placed.entries())
    if (expected[i] === Standing.new) written.set(`trades/${lane}`, BigInt(offset))
  expect(new Map(writtenOf(decisions))).toEqual(written)
}

function expectKept(decisions: Decisions, placed: readonly Placed[], firsts: FirstRows, recent: RecentTrades): void {
  const wanted = new WantedTrades(decisions.symbolKeys.length)
  for (const [at, { row: one }] of placed.entries()) {
    if (decisions.standings[at] === Standing.keptInBatch && isByNumber(decisions, at))
      wanted.add(decisions.symbols[at] as number, Number(one.id))
  }
  wanted.find(decisions)
  for (const [at, one] of placed.entries()) {
    const { placed: first } = firsts.get(keyOf(one)) as { readonly placed: Placed }
    if (decisions.standings[at] === Standing.new) continue
    const kept = keptOf(decisions, at, wanted, recent)
    if (decisions.standings[at] === Standing.keptInGold && !isRemembered(first)) expect(kept).toBeUndefined()
    else if (decisions.standings[at] === Standing.keptInBatch || kept || !SAME_LOW_WORD.has(first.row.id)) {
      const { topic, partition, isConflict } = kept ?? {}
      const offset = 2 ** 32 * (kept?.offset_high ?? 0) + ((kept?.offset_low ?? 0) >>> 0)
      expect([at, topic, partition, offset]).toEqual([at, first.topic, first.lane, first.offset])
      expect([at, isConflict]).toEqual([at, differs(one, first)])
    }
  }
}

function expectTimes(firsts: FirstRows, recent: RecentTrades): void {
  for (const { placed: first } of firsts.values()) {
    const { exchange, symbol, currency, id, hour } = first.row
    if (SAME_LOW_WORD.has(id) || !Number.isSafeInteger(Number(id ?? Number.NaN))) continue
    const symbolKey = `${exchange}/${exchange === 'KRAKEN' ? currency : ''}/${symbol}`
    const expected = isRemembered(first) ? BigInt(hour) * BigInt(HOUR_US) : undefined
    expect([symbolKey, recent.timeOf(symbolKey, Number(id))]).toEqual([symbolKey, expected])
  }
}

describe('deduplication beside a plain model', () => {
  it('G1 G2 G4: each trade is kept once, in whichever blocks and lanes its copies come', async () => {
    await fc.assert(
      fc.asyncProperty(batches, async (all) => {
        const keys = new KeySet(2 ** 20)
        const recent = new RecentTrades()
        const firsts: FirstRows = new Map()
        const numberless = new Set<string>()
        for (const [batch, some] of all.entries()) {
          const { lanes, placed } = batchOf(some, batch)
          const asked = new Set<string>()
          const decisions = await findDuplicates(tradeRows(lanes), keys, async (_rows, positions) => {
            const names = positions.map((at) => [at, keyOf(placed[at] as Placed)] as const)
            for (const [at, name] of names) {
              expect([placed[at]?.row.id, asked.has(name)]).toEqual([null, false])
              asked.add(name)
            }
            return new Set(names.flatMap(([at, name]) => (numberless.has(name) ? [at] : [])))
          })
          for (const name of asked) numberless.add(name)
          expectStandings(decisions, placed, firsts, batch)
          expectKept(decisions, placed, firsts, recent)
          checkOrder(decisions)
          keys.merge(decisions.staged)
          recent.add(decisions, BigInt(batch))
          expectTimes(firsts, recent)
        }
      }),
      { numRuns: 40 },
    )
  })
})
