import { verifyLake } from '@assay/audit'
import { REF_SYMBOLS_TABLE, type SymbolRow } from '@assay/medallion'
import { loadReference, type ReferenceReport } from '@assay/operations'
import { describe, expect, it } from 'vitest'
import { addColumns, appendForeign } from './support/foreign-columns.js'
import { type MemoryLake, memoryLake } from './support/memory-lake.js'
import { symbolRow, symbolsIn } from './support/reference.js'
import { query } from './support/tables.js'

const { signal } = new AbortController()

const load = (lake: MemoryLake, rows: readonly SymbolRow[], isDry = false): Promise<ReferenceReport> =>
  loadReference(lake, rows, isDry, signal)

async function snapshots(lake: MemoryLake): Promise<number> {
  const { version } = await (await lake.table(REF_SYMBOLS_TABLE)).pin()
  return version.metadata.snapshots.length
}

describe('reference data is loaded', () => {
  it('so that the file is all that the table has of the symbols it names; a dry run tells the same and makes nothing', async () => {
    const lake = memoryLake()
    const first = [symbolRow('A', 1, 2), symbolRow('A', 2, null), symbolRow('B', 1, null), symbolRow('C', 5, null)]
    const dry = await load(lake, first, true)
    expect(dry).toMatchObject({ rows: 4, added: 4, unchanged: 0, not_in_gold_total: 3 })
    expect(await lake.catalog.load(REF_SYMBOLS_TABLE.name)).toBeUndefined()
    expect(await load(lake, first)).toEqual(dry)

    const next = [symbolRow('A', 2, 4), symbolRow('A', 4, null), symbolRow('C', 5, null, { tier: null })]
    const counts = { added: 1, ended: 1, changed: 1, removed: 1, unchanged: 0 }
    expect(await load(lake, next, true)).toMatchObject(counts)
    expect(await load(lake, next)).toMatchObject(counts)
    expect(await symbolsIn(lake)).toEqual([
      ['A', 'major', 2, 4],
      ['A', 'major', 4, null],
      ['B', 'major', 1, null],
      ['C', null, 5, null],
    ])
    expect(await snapshots(lake)).toBe(2)
    await lake.close()
  })

  it('without a commit where nothing changes, whatever the order of its rows', async () => {
    const lake = memoryLake()
    const rows = [symbolRow('A', 1, 2), symbolRow('A', 2, null), symbolRow('B', 1, null)]
    await load(lake, rows)
    const again = { added: 0, ended: 0, changed: 0, removed: 0, unchanged: 3 }
    expect(await load(lake, [...rows].reverse())).toMatchObject(again)
    expect(await load(lake, rows.slice(2))).toMatchObject({ ...again, unchanged: 1 })
    expect(await snapshots(lake)).toBe(1)
    await lake.close()
  })

  it('A2: by two at once, one behind the other', async () => {
    const lake = memoryLake()
    await load(lake, [symbolRow('A', 1, null), symbolRow('Z', 1, null)])
    const others = ['B', 'C', 'D'].map((symbol) => ({
      symbol,
      lake: memoryLake({ store: lake.store, log: lake.log, clock: lake.clock }),
    }))
    await Promise.all(
      others.map((one) =>
        load(one.lake, [
          symbolRow('A', 1, 2),
          symbolRow('A', 2, null, { tier: one.symbol }),
          symbolRow(one.symbol, 1, null),
        ]),
      ),
    )
    const found = await symbolsIn(lake)
    expect(found.map(([symbol]) => symbol)).toEqual(['A', 'A', 'B', 'C', 'D', 'Z'])
    expect(found[0]).toEqual(['A', 'major', 1, 2])
    expect(['B', 'C', 'D']).toContain(found[1]?.[1])
    expect(await snapshots(lake)).toBe(4)
    await Promise.all([lake, ...others.map((one) => one.lake)].map((one) => one.close()))
  })

  it('A2: by two at once, and by each for the first time: never both for one symbol', async () => {
    const lake = memoryLake()
    const { store, log, clock } = lake
    const others = ['x', 'y', 'z'].map((tier) => ({ tier, lake: memoryLake({ store, log, clock }) }))
    await Promise.all(others.map((one) => load(one.lake, [symbolRow('A', 1, null, { tier: one.tier })])))
    expect(await symbolsIn(lake)).toHaveLength(1)
    await Promise.all([lake, ...others.map((one) => one.lake)].map((one) => one.close()))
  })

  it('A10: and what another engine has added to rows of other symbols stays', async () => {
    const lake = memoryLake()
    await load(lake, [symbolRow('A', 1, null)])
    const table = await lake.table(REF_SYMBOLS_TABLE)
    await addColumns(table, [{ name: 'note', type: 'string' }])
    await foreignRow(lake, "'B', 1, 'kept'")
    expect(await load(lake, [symbolRow('A', 1, 3)])).toMatchObject({ ended: 1 })
    const paths = (await table.files(await table.pin())).map(({ path }) => `'${path}'`)
    const rows = await query(lake, `SELECT symbol, note FROM read_parquet([${paths}], union_by_name = true) ORDER BY 1`)
    expect(rows).toEqual([
      { symbol: 'A', note: null },
      { symbol: 'B', note: 'kept' },
    ])
    await lake.close()
  })

  it('G1: once, where another engine has doubled its rows', async () => {
    const lake = memoryLake()
    const rows = [symbolRow('A', 1, 3), symbolRow('A', 3, null)]
    await load(lake, rows)
    const table = await lake.table(REF_SYMBOLS_TABLE)
    const [file] = await table.files(await table.pin())
    const columns = REF_SYMBOLS_TABLE.columns.map(({ name }) => name).filter((name) => !name.endsWith('_size'))
    const copy = `SELECT ${columns.join()} FROM read_parquet('${file?.path}')`
    await appendForeign(lake, table, copy, columns, { specId: 0, partition: [] })
    expect(await symbolsIn(lake)).toHaveLength(4)
    expect(
      await load(
        lake,
        rows.map((one) => ({ ...one, tick_size: null })),
      ),
    ).toMatchObject({ removed: 2 })
    expect(await symbolsIn(lake)).toHaveLength(2)
    await lake.close()
  })

  it('G1: and a row that another engine put beside it, for no time or while another is true, fails verify until the next load', async () => {
    const lake = memoryLake()
    await load(lake, [symbolRow('A', 1, 3), symbolRow('A', 3, null), symbolRow('B', 1, null)])
    expect(await failedChecks(lake)).toEqual([])
    await addColumns(await lake.table(REF_SYMBOLS_TABLE), [{ name: 'note', type: 'string' }])
    await foreignRow(lake, "'A', 2, 'x'")
    await foreignRow(lake, "'B', NULL, 'x'")
    expect(await failedChecks(lake)).toEqual([
      expect.stringMatching(
        /^G1 ref_symbols: BINANCE\/B from NULL is true for no time; BINANCE\/A from 1972-01-01.* is true while the row before it is/,
      ),
    ])
    const again = await load(lake, [symbolRow('A', 1, 3), symbolRow('A', 3, null), symbolRow('B', 1, null)])
    expect(again).toMatchObject({ added: 0, removed: 2, unchanged: 3 })
    expect(await failedChecks(lake)).toEqual([])
    await lake.close()
  })
})

/** A row of symbol, year and note, with no end, as another engine writes it. */
async function foreignRow(lake: MemoryLake, values: string): Promise<void> {
  const columns = ['exchange', 'symbol', 'valid_from', 'note']
  const select = `SELECT 'BINANCE' AS exchange, symbol, make_timestamptz(1970 + "year", 1, 1, 0, 0, 0) AS valid_from, note
    FROM (VALUES (${values})) t(symbol, "year", note)`
  await appendForeign(lake, await lake.table(REF_SYMBOLS_TABLE), select, columns, { specId: 0, partition: [] })
}

async function failedChecks(lake: MemoryLake): Promise<string[]> {
  const { checks } = await verifyLake(lake, { fromLog: false, signal, onCheck: () => undefined })
  return checks
    .filter(({ outcome, promise }) => outcome === 'failed' && promise === 'G1')
    .map(({ promise, subject, found }) => `${promise} ${subject}: ${found.join('; ')}`)
}
