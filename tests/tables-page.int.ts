import { LAYERS } from '@assay/medallion'
import { runReplay } from '@assay/operations'
import { sqlType } from '@assay/pipeline'
import { expect, it } from 'vitest'
import { misjudgedLake, NEVER, REPLAY, tradesWithRejects } from './support/dead-letters.js'
import { drain } from './support/drain.js'
import { binance } from './support/memory-lake.js'
import { produceSimulated } from './support/records.js'
import { withTables } from './support/tables.js'

it('views have the columns, and columns the values, that docs/tables.md promises', async () => {
  const lake = await misjudgedLake(tradesWithRejects(6, 4))
  await runReplay(lake, REPLAY, NEVER)
  await produceSimulated(lake, binance, { count: 60, seed: 2, symbols: 2 })
  await drain(lake)
  await withTables(lake, async ({ session, rows }) => {
    for (const { name, select, columns } of LAYERS.flatMap((layer) => layer.views(lake.exchanges))) {
      const found = await session.rows(`DESCRIBE ${select}`)
      expect(
        found.map(({ column_name, column_type }) => [column_name, column_type]),
        name,
      ).toEqual(
        columns.map(([column, type]) => [column, sqlType(type).replace('TIMESTAMPTZ', 'TIMESTAMP WITH TIME ZONE')]),
      )
    }
    for (const { name, columns } of lake.definitions) {
      const always = columns.filter(({ facts }) => facts?.nullWhen === undefined)
      const [counts] = await rows(
        `SELECT ${always.map((one) => `count(*) - count("${one.name}") AS "${one.name}"`).join(', ')} FROM ${name}`,
      )
      expect(
        Object.entries(counts ?? {}).filter(([, nulls]) => nulls !== 0n),
        name,
      ).toEqual([])
    }
  })
})
