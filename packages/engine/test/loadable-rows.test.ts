import type { RowColumn } from '@assay/core'
import { expect, it } from 'vitest'
import { openSession } from '../../../tests/support/open-session.js'
import { loadableRows } from '../src/index.js'

const session = await openSession()

it('lists and what is the same in every row come into the engine with their types', async () => {
  const columns = new Map<string, RowColumn>([
    ['tags', { type: 'LIST', codes: Int32Array.of(1, 0, -1), dictionary: [[], ['a"\u0000', 'é']] }],
    ['name', { type: 'CONSTANT', of: 'VARCHAR', value: "it's" }],
    ['none', { type: 'CONSTANT', of: 'VARCHAR', value: null }],
    ['at', { type: 'CONSTANT', of: 'TIMESTAMPTZ', value: -1n }],
    ['day', { type: 'CONSTANT', of: 'DATE', value: 20_000 }],
    ['is_set', { type: 'CONSTANT', of: 'BOOLEAN', value: true }],
    ['number', { type: 'CONSTANT', of: 'BIGINT', value: null }],
  ])
  const loadable = loadableRows(columns, 3)
  const { name } = await session.load('rows', loadable.columns, 3)
  const rows = await session.rows(loadable.select(name))
  const same = { name: "it's", none: null, at: -1n, day: 20_000, is_set: true, number: null }
  expect(rows).toEqual([
    { tags: ['a"\u0000', 'é'], ...same },
    { tags: [], ...same },
    { tags: null, ...same },
  ])
  const types = await session.rows(`DESCRIBE ${loadable.select(name)}`)
  expect(types.map(({ column_type }) => column_type)).toEqual([
    ...['VARCHAR[]', 'VARCHAR', 'VARCHAR', 'TIMESTAMP WITH TIME ZONE', 'DATE', 'BOOLEAN', 'BIGINT'],
  ])
})
