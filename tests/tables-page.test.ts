import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { exchanges } from '@assay/exchanges'
import { LAYERS, tablesOf, tablesPage } from '@assay/medallion'
import { expect, it } from 'vitest'
import { temporaryFolder } from './support/disk-lake.js'
import { unpackLake } from './support/earlier-lake.js'
import { readPage } from './support/pages.js'

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
    const first = join(folder, `tables/market_data/${name}/metadata/v1.metadata.json`)
    const none = { schemas: [] }
    const { schemas }: { schemas: { fields: { name: string }[] }[] } = existsSync(first)
      ? JSON.parse(readFileSync(first, 'utf8'))
      : none
    const had = new Set(schemas[0]?.fields.map((field) => field.name))
    expect(columns.filter((one) => !had.has(one.name) && one.facts?.since === undefined)).toEqual([])
  }
})
