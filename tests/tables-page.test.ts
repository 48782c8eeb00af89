import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { exchanges } from '@assay/exchanges'
import { LAYERS, tablesOf, tablesPage } from '@assay/medallion'
import { runReplay } from '@assay/operations'
import { sqlType } from '@assay/pipeline'
import { expect, it } from 'vitest'
import { misjudgedLake, NEVER, REPLAY, tradesWithRejects } from './support/dead-letters.js'
import { temporaryFolder } from './support/disk-lake.js'
import { drain } from './support/drain.js'
import { unpackLake } from './support/earlier-lake.js'
import { binance } from './support/memory-lake.js'
import { readPage } from './support/pages.js'
import { produceSimulated } from './support/records.js'
import { withTables } from './support/tables.js'

const tables = tablesOf(LAYERS, exchanges)
const views = LAYERS.flatMap((layer) => layer.views(exchanges))

it('docs/tables.md tells of every table and view as the code has them', () => {
  expect(readPage('docs/tables.md'), 'run: npm run build && node docs/write-tables.mjs').toBe(tablesPage(exchanges))
})

it('no table, view or column lacks a meaning', () => {
  const lacking = [
    ...tables.filter(({ means }) => !means).map(({ name }) => name),
    ...views.filter(({ means }) => !means).map(({ name }) => name),
    ...tables.flatMap(({ name, columns }) => columns.filter(({ means }) => !means).map((one) => `${name}.${one.name}`)),
    ...views.flatMap(({ name, columns }) => columns.filter(([, , means]) => !means).map(([one]) => `${name}.${one}`)),
  ]
  expect(lacking, 'say what it holds, beside its definition').toEqual([])
})

it('a column that the first version had not says since when it is there', () => {
  const folder = unpackLake('0.1.0', temporaryFolder())
  for (const { name, columns } of tables.filter((table) => table.name !== 'silver_dlq_trades_archive')) {
    const first = readFileSync(join(folder, `tables/market_data/${name}/metadata/v1.metadata.json`), 'utf8')
    const { schemas } = JSON.parse(first) as { schemas: { fields: { name: string }[] }[] }
    const had = new Set(schemas[0]?.fields.map((field) => field.name))
    expect(columns.filter((one) => !had.has(one.name) && one.facts?.since === undefined)).toEqual([])
  }
})

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
