import { parseLaneKey } from '@assay/core'
import { quoteText } from '@assay/engine'
import { HandOver, type LaneRows, loadParts } from '@assay/pipeline'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { drain } from './support/drain.js'
import { binance, kraken, memoryLake } from './support/memory-lake.js'
import { produceSimulated } from './support/records.js'
import { digests, withTables } from './support/tables.js'

interface Kept {
  readonly table: string
  readonly lanes: readonly LaneRows[]
}

afterEach(() => vi.restoreAllMocks())

async function filledLake() {
  const lake = memoryLake({ exchanges: [binance, kraken] })
  const options = { count: 200, duplicates: 0.1, invalid: 0.2, late: 0.1 }
  await produceSimulated(lake, binance, options, 3)
  await produceSimulated(lake, kraken, { ...options, seed: 2 }, 2)
  return lake
}

/** Rows that only one of two queries gives. */
function different(one: string, other: string): string {
  return `SELECT count(*)::INTEGER AS n FROM ((${one} EXCEPT ALL ${other}) UNION ALL (${other} EXCEPT ALL ${one}))`
}

describe('S1: rows that a layer hands to the next in memory', () => {
  it('S1: are, column by column, what its files hold of these offsets', async () => {
    const kept: Kept[] = []
    vi.spyOn(HandOver.prototype, 'keep').mockImplementation(
      (table, _snapshot, lanes) => void kept.push({ table, lanes }),
    )
    const lake = await filledLake()
    await drain(lake, { limits: { maxRows: 150 } })
    expect(new Set(kept.map(({ table }) => table)).size).toBe(4)
    await withTables(lake, async ({ session, rows }) => {
      for (const { table, lanes } of kept) {
        const definition = lake.definitions.find(({ name }) => name === table)
        if (!definition) throw new Error(`no table ${table}`)
        for (const { key, from, upper, columns, rows: indices } of lanes) {
          const loaded = await loadParts(session, 'handed_over', definition.columns, [{ columns, rows: indices }])
          const { topic, partition } = parseLaneKey(key)
          const inTable = `SELECT * FROM ${table} WHERE topic = ${quoteText(topic)} AND "partition" = ${partition}
            AND "offset" >= ${from} AND "offset" < ${upper}`
          expect(await rows(different(`SELECT * FROM ${loaded.name}`, inTable))).toEqual([{ n: 0 }])
        }
      }
    })
    await lake.close()
  })

  it('S1 G1: are taken, and make the tables that files make', async () => {
    const find = vi.spyOn(HandOver.prototype, 'find')
    const [inMemory, byFiles] = [await filledLake(), await filledLake()]
    await drain(inMemory)
    const found = find.mock.results.filter(({ value }) => value.length > 0)
    expect(found.length).toBeGreaterThanOrEqual(8)
    for (const layer of ['bronze', 'silver', 'gold', 'candles'] as const) await drain(byFiles, { layers: [layer] })
    expect(await digests(inMemory)).toEqual(await digests(byFiles))
    await inMemory.close()
    await byFiles.close()
  })
})
