import type { Column, NamedColumn } from '@assay/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { gather, pieceAt, tradeRows } from '../src/index.js'
import { batches, laneRows } from './silver-rows.js'

const TEXTS = ['exchange', 'symbol', 'currency', 'trade_id', 'side'] as const

function valueAt(columns: readonly NamedColumn[], name: string, i: number): unknown {
  const column = columns.find((one) => one.name === name)?.column as Column
  if (column.type === 'DICTIONARY') return column.dictionary[column.codes[i] as number] ?? null
  if (column.nulls?.[i] === 1) return null
  if (column.type === 'VARCHAR') return Buffer.from(column.source.slice(column.starts[i], column.ends[i])).toString()
  if (column.type === 'DECIMAL') return Buffer.from(column.data.slice(16 * i, 16 * i + 16)).toString('hex')
  return 'data' in column ? column.data[i] : undefined
}

describe('rows that are looked up in gold', () => {
  it('G2 G4: have the values that they have in their batch, whatever its columns are made of', () => {
    fc.assert(
      fc.property(batches, fc.func(fc.boolean()), (all, isAsked) => {
        for (const [lanes, shape] of all) {
          const rows = tradeRows([...laneRows(lanes, shape, 0), ...laneRows(lanes, { ...shape, texts: 'VARCHAR' }, 50)])
          const positions = Array.from({ length: rows.count }, (_, at) => at).filter((at) => isAsked(at))
          const columns = gather(rows, positions)
          for (const [i, at] of positions.entries()) {
            const { block, rows: indices, first } = pieceAt(rows, at)
            const row = indices[at - first] as number
            expect(valueAt(columns, 'position', i)).toBe(at)
            for (const name of TEXTS) expect([name, valueAt(columns, name, i)]).toEqual([name, block.text(name, row)])
            const source = block.columns
            for (const name of ['timestamp', 'source_sequence', 'price', 'quantity']) {
              const column = source.get(name) as Column
              expect([name, valueAt(columns, name, i)]).toEqual([name, valueAt([{ name, column }], name, row)])
            }
          }
        }
      }),
      { numRuns: 30 },
    )
  })
})
