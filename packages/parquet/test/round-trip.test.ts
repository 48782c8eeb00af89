import { expect, it } from 'vitest'
import { generatedTable } from './generated-tables.js'
import { metadataOf, valuesOf, written } from './read-back.js'

/** More by hand: `ASSAY_TEST_TABLES=5000 npx vitest run packages/parquet/test/round-trip.test.ts`. */
const TABLES = Number(process.env.ASSAY_TEST_TABLES ?? 8)

it('what is read back is what was written: every type, pattern of nulls, extreme value and cut into parts and row groups', async () => {
  for (let seed = 1; seed <= TABLES; seed++) {
    const table = generatedTable(seed)
    const file = await written(table)
    const rows = table.values[0]?.length ?? 0
    expect(file.rows, `seed ${seed}`).toBe(rows)
    expect(Number(metadataOf(file).num_rows), `seed ${seed}`).toBe(rows)
    const decimals = table.fields.map(({ type }) => typeof type === 'object')
    const found = await valuesOf(file, table.fields)
    table.fields.forEach((field, i) => {
      if (decimals[i]) return
      expect(found[i], `seed ${seed}, ${field.name}`).toEqual(table.values[i])
    })
  }
})
